"""Zero-shot classification: the text tower writes the classifier.

    "a dog", "a dog on red", …  ─text tower─▶ unit vectors ─ mean ─ unit length ─▶ one row of (M, E)
    image ─image tower─▶ (E,) unit vector ─ dot products with the M rows ─▶ the largest names the class

Source: Radford et al. 2021, section 3.1; openai/CLIP ``notebooks/Prompt_Engineering_for_ImageNet.ipynb``.
"""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.embedding import encode_images, encode_texts
from clip_tutor.images import ImageLike, load_image
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer


def class_features(model: CLIP, tokenizer: Tokenizer, prompts: Sequence[Sequence[str]]) -> Tensor:
    """Return (M, E) unit vectors: row m is the mean direction of class m's prompts.

    Args:
        prompts: one list a class; a single prompt is a list of one, several are an ensemble.

    Raises:
        TypeError: ``prompts`` is not a list of lists of texts.
        ValueError: a class has no prompt, or an empty one.
    """
    _require_lists(prompts)
    features = encode_texts(model, tokenizer, [prompt for group in prompts for prompt in group])
    means = [part.mean(dim=0) for part in features.split([len(group) for group in prompts])]
    return F.normalize(torch.stack(means), dim=-1)


def zero_shot(model: CLIP, tokenizer: Tokenizer, image: ImageLike, labels: Sequence[str]) -> dict[str, float]:
    """Return how probable each label is for an image, as the model sees it; the labels share 100 % among them.

    Args:
        image: a path, the bytes of a file, or an opened image; what is not RGB is converted.
        labels: captions to choose from, such as "a dog".

    Raises:
        FileNotFoundError, TypeError, ValueError: the image cannot be read (see `load_image`), or a label is empty.

    >>> import clip_tutor as ct
    >>> model, tokenizer, _ = ct.load("emoji")
    >>> owl = ct.find_emoji("🦉")[0].image()
    >>> ct.zero_shot(model, tokenizer, owl, ["a cat", "an owl"])["an owl"] > 0.9
    True
    """
    preprocessing, size = model.config.preprocessing, model.config.vision.image_size
    features = encode_images(model, preprocessing.pixels(load_image(image, convert=True), size)[None])  # (1, E)
    classes = class_features(model, tokenizer, [[label] for label in labels])  # (M, E)
    probabilities = classify(features, classes, model.log_logit_scale.exp().item())[0]  # (M,)
    return dict(zip(labels, probabilities.tolist(), strict=True))


def classify(image_features: Tensor, classes: Tensor, logit_scale: float = 100.0) -> Tensor:
    """Return (B, M) probabilities from (B, E) image vectors and (M, E) class vectors, all of unit length.

    Raises:
        ValueError: the shapes do not match, or a vector is not finite: its class would be the first one, for no reason.
    """
    if classes.ndim != 2 or image_features.shape[-1:] != classes.shape[-1:]:
        raise ValueError(
            "image vectors (B, E) and class vectors (M, E) must be equally long: got "
            f"{tuple(image_features.shape)} and {tuple(classes.shape)}"
        )
    for what, vectors in (("image_features", image_features), ("classes", classes)):
        if not vectors.isfinite().all():
            rows = (~vectors.isfinite().reshape(-1, vectors.shape[-1]).all(dim=-1)).nonzero().flatten().tolist()
            raise ValueError(f"{what} are not finite in rows {rows[:10]}: the model that made them has diverged")
    return (logit_scale * image_features @ classes.T).softmax(dim=-1)


def likeliest(scores: Tensor) -> Tensor:
    """Return (...) the index of the largest of (..., M) scores, and -1 where one is NaN: ``argmax`` would choose it."""
    return torch.where(scores.isnan().any(dim=-1), -1, scores.argmax(dim=-1))


def _require_lists(prompts: Sequence[Sequence[str]]) -> None:
    """Check that each class has a list of prompts: of a text, Python would silently take the letters."""
    if isinstance(prompts, Mapping):
        raise TypeError(
            "prompts is a dictionary: pass its lists of prompts, list(prompts.values()), and keep its keys as the names"
        )
    if isinstance(prompts, str) or not isinstance(prompts, Sequence):
        raise TypeError(f"prompts is {prompts!r:.60}: pass one list of prompts a class, such as [['a cat'], ['a dog']]")
    for m, group in enumerate(prompts):
        if isinstance(group, str) or not isinstance(group, Sequence):
            raise TypeError(
                f"the prompts of class {m} are {group!r:.60}: pass a list of them, even if it is only one, such as "
                f"{[group] if isinstance(group, str) else ['a dog']}"
            )
    if not prompts or not all(prompts):
        raise ValueError("each class needs at least one prompt: write one, such as 'a picture of a dog'")
