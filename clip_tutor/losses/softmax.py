"""The contrastive (N-pair) loss: N images, N captions, and two N-way exams.

                  caption 1   caption 2   caption 3
    image 1   [   high         low         low   ]    each row asks:    which caption is mine?
    image 2   [   low          high        low   ]    each column asks: which image is mine?
    image 3   [   low          low         high  ]    the right answers lie on the diagonal

Source: Radford et al. 2021, figure 3. The mean of both directions is taken, as the published code does;
guessing blindly therefore costs ln N. Label smoothing: Jia et al. 2021 (ALIGN), section 4.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.losses.pairs import check_features


def contrastive_loss_spec(image_features: Tensor, text_features: Tensor, logit_scale: Tensor | float) -> Tensor:
    """The loss written out pair by pair: slow, and the definition that `contrastive_loss` must equal."""
    N = len(image_features)
    logits = [[logit_scale * (i * t).sum() for t in text_features] for i in image_features]
    total = torch.zeros(())
    for n in range(N):
        row = sum(math.e ** logits[n][m] for m in range(N))  # this image against every caption
        column = sum(math.e ** logits[m][n] for m in range(N))  # this caption against every image
        right = math.e ** logits[n][n]
        total = total - torch.log(right / row) / 2 - torch.log(right / column) / 2
    return total / N


def contrastive_loss(
    image_features: Tensor, text_features: Tensor, logit_scale: Tensor | float, label_smoothing: float = 0.0
) -> Tensor:
    """Return the symmetric cross-entropy over all image–caption pairs of a batch, in nats.

    Args:
        image_features: (B, E), rows of unit length; row i belongs to row i of the captions.
        text_features: (B, E), rows of unit length.
        logit_scale: scalar, 1 / temperature: how sharply similarity is turned into probability.
        label_smoothing: the share of the truth that is spread evenly over all B answers. ALIGN takes 0.1, since a
            caption from the web often fits other images, too; CLIP takes none.

    Raises:
        ValueError: the two do not have the same shape, or their rows are not of unit length.
    """
    check_features(image_features, text_features)
    logits = logit_scale * image_features @ text_features.T  # (B, B)
    targets = torch.arange(len(logits), device=logits.device)  # the diagonal
    by_row = F.cross_entropy(logits, targets, label_smoothing=label_smoothing)
    by_column = F.cross_entropy(logits.T, targets, label_smoothing=label_smoothing)
    return (by_row + by_column) / 2
