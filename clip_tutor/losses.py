"""The contrastive (N-pair) loss: N pictures, N captions, and two N-way exams.

                  caption 1   caption 2   caption 3
    picture 1   [   high         low         low   ]    each row asks:    which caption is mine?
    picture 2   [   low          high        low   ]    each column asks: which picture is mine?
    picture 3   [   low          low         high  ]    the right answers lie on the diagonal

Source: Radford et al. 2021, figure 3. The mean of both directions is taken, as the published code does;
guessing blindly therefore costs ln N.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def contrastive_loss_spec(image_features: Tensor, text_features: Tensor, logit_scale: Tensor | float) -> Tensor:
    """The loss written out pair by pair: slow, and the definition that `contrastive_loss` must equal."""
    N = len(image_features)
    logits = [[logit_scale * (i * t).sum() for t in text_features] for i in image_features]
    total = torch.zeros(())
    for n in range(N):
        row = sum(math.e ** logits[n][m] for m in range(N))  # this picture against every caption
        column = sum(math.e ** logits[m][n] for m in range(N))  # this caption against every picture
        right = math.e ** logits[n][n]
        total = total - torch.log(right / row) / 2 - torch.log(right / column) / 2
    return total / N


def contrastive_loss(image_features: Tensor, text_features: Tensor, logit_scale: Tensor | float) -> Tensor:
    """Return the symmetric cross-entropy over all picture–caption pairs of a batch, in nats.

    Args:
        image_features: (B, E), rows of unit length; row i belongs to row i of the captions.
        text_features: (B, E), rows of unit length.
        logit_scale: scalar, 1 / temperature: how sharply similarity is turned into probability.

    Raises:
        ValueError: the two do not have the same shape, or their rows are not of unit length.
    """
    if image_features.shape != text_features.shape:
        raise ValueError(
            f"{tuple(image_features.shape)} picture vectors and {tuple(text_features.shape)} caption vectors: "
            "the loss needs one caption for each picture, in the same order"
        )
    _require_unit_length("image_features", image_features)
    _require_unit_length("text_features", text_features)
    logits = logit_scale * image_features @ text_features.T  # (B, B)
    right = torch.arange(len(logits), device=logits.device)  # the diagonal
    return (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2


def _require_unit_length(name: str, features: Tensor) -> None:
    norms = features.detach().float().norm(dim=-1)
    if not torch.allclose(norms, torch.ones_like(norms), atol=1e-2):
        raise ValueError(
            f"{name} must have rows of unit length, and theirs run from {norms.min():.3g} to {norms.max():.3g}: "
            "divide each row by its length first, torch.nn.functional.normalize(features, dim=-1)"
        )
