"""Both losses without the N × N table: a few rows of it at a time, forgotten at once and computed again for gradients.

    picture 1..c       [ · · · · · · ]  ─▶  what is needed of these rows: a number for each row and column
    picture c+1..2c    [ · · · · · · ]  ─▶  the same, in the same memory
    ...

Memory grows with c · N instead of N²; the loss and its gradients stay the same to the last rounding error.
"""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from clip_tutor.losses.pairs import require_pairs


def chunked_contrastive_loss(
    image_features: Tensor,
    text_features: Tensor,
    logit_scale: Tensor | float,
    label_smoothing: float = 0.0,
    chunk_size: int = 256,
) -> Tensor:
    """Return what `contrastive_loss` returns, holding (chunk_size, B) logits at a time instead of (B, B)."""
    require_pairs(image_features, text_features)
    scaled = logit_scale * image_features  # (B, E)
    parts = [
        checkpoint(_logsumexps, rows, text_features, use_reentrant=False)  # (c,) and (B,)
        for rows in scaled.split(chunk_size)
    ]
    by_row = torch.cat([row for row, _ in parts])  # (B,)
    by_column = torch.stack([column for _, column in parts]).logsumexp(dim=0)  # (B,)
    # With smoothing, a share of each answer is the mean over all logits: that is the logit of the mean vectors.
    right = (scaled * text_features).sum(dim=-1).mean()
    blind = scaled.mean(dim=0) @ text_features.mean(dim=0)
    return (by_row + by_column).mean() / 2 - (1 - label_smoothing) * right - label_smoothing * blind


def _logsumexps(images: Tensor, texts: Tensor) -> tuple[Tensor, Tensor]:
    logits = images @ texts.T  # (c, B)
    return logits.logsumexp(dim=1), logits.logsumexp(dim=0)


def chunked_sigmoid_loss(
    image_features: Tensor,
    text_features: Tensor,
    logit_scale: Tensor | float,
    logit_bias: Tensor | float,
    chunk_size: int = 256,
) -> Tensor:
    """Return what `sigmoid_loss` returns, holding (chunk_size, B) logits at a time instead of (B, B)."""
    require_pairs(image_features, text_features)
    scaled = logit_scale * image_features  # (B, E)
    total = torch.stack(
        [
            checkpoint(all_negative, rows, text_features, logit_bias, use_reentrant=False)
            for rows in scaled.split(chunk_size)
        ]
    ).sum()
    # The diagonal was counted as if it were wrong: softplus(-x) - softplus(x) = -x puts it right.
    diagonal = (scaled * text_features).sum() + logit_bias * len(scaled)
    return (total - diagonal) / len(scaled)


def all_negative(images: Tensor, texts: Tensor, logit_bias: Tensor | float) -> Tensor:
    """Return what it costs if none of these pictures, (c, E), scaled, belongs to one of these captions, (B, E)."""
    return F.softplus(images @ texts.T + logit_bias).sum()
