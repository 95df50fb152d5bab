"""Zero-shot classification: the text tower writes the classifier.

    "a dog", "a dog on red", …  ─text tower─▶ unit vectors ─ mean ─ unit length ─▶ one row of (M, E)
    picture ─image tower─▶ (E,) unit vector ─ dot products with the M rows ─▶ the largest names the class

Source: Radford et al. 2021, section 3.1; openai/CLIP ``notebooks/Prompt_Engineering_for_ImageNet.ipynb``.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.embedding import embed_captions
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer


def class_features(model: CLIP, tokenizer: Tokenizer, prompts: Sequence[Sequence[str]]) -> Tensor:
    """Return (M, E) unit vectors: row m is the mean direction of class m's prompts.

    Args:
        prompts: one list a class; a single prompt is a list of one, several are an ensemble.

    Raises:
        ValueError: a class has no prompt.
    """
    if not prompts or not all(prompts):
        raise ValueError("each class needs at least one prompt: write one, such as 'a picture of a dog'")
    features = embed_captions(model, tokenizer, [prompt for group in prompts for prompt in group])
    means = [part.mean(dim=0) for part in features.split([len(group) for group in prompts])]
    return F.normalize(torch.stack(means), dim=-1)


def classify(image_features: Tensor, classes: Tensor, logit_scale: float = 100.0) -> Tensor:
    """Return (B, M) probabilities from (B, E) picture vectors and (M, E) class vectors, all of unit length."""
    return (logit_scale * image_features @ classes.T).softmax(dim=-1)
