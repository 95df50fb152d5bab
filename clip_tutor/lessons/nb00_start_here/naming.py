"""The tour's classifier: an image, names that the reader types, and how probable the model finds each of them."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import from_numpy, stack

from clip_tutor.embedding import encode_images, encode_texts
from clip_tutor.evaluation.zero_shot import classify
from clip_tutor.lab.widgets.gallery import as_image
from clip_tutor.lab.widgets.meters import meters
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer


def naming(model: CLIP, tokenizer: Tokenizer, images: Mapping[str, Any]) -> Callable[..., str]:
    """Return a function for `explore`: from the label of an image, names and a template to bars in HTML.

    Args:
        images: by label, all of the model's image size; see `as_image` for what they may be.
    """
    pixels = stack([from_numpy(as_image(image).copy()).permute(2, 0, 1) for image in images.values()])  # (N, 3, H, W)
    vectors = dict(zip(images, encode_images(model, pixels), strict=True))
    logit_scale = model.log_logit_scale.exp().item()

    def name_it(image: str, names: str, template: str) -> str:
        """Return bars that say how probable each name is, of those that were given."""
        classes = [name.strip() for name in names.split(",") if name.strip()]
        if not classes or "{}" not in template:
            return "Write names with commas between them, and a template that holds {} for the name."
        prompts = [template.replace("{}", name) for name in classes]
        text_features = encode_texts(model, tokenizer, prompts, truncate=True)  # (M, E)
        probabilities = classify(vectors[image][None], text_features, logit_scale)[0]  # (M,)
        return meters(classes, probabilities, images[image])

    return name_it
