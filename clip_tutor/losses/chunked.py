"""Both losses without the N × N table: a few rows of it at a time, used and forgotten.

    image 1..c       [ · · · · · · ]  ─▶  what these rows say of each image and each caption
    image c+1..2c    [ · · · · · · ]  ─▶  the same, in the same memory
    ...

Memory grows with c · N instead of N²; the loss and its gradients stay the same up to rounding.

softmax   A probability needs its whole row and its whole column, so the table is computed twice: once for the sums,
          and, when gradients are asked for, once more for the probabilities.
sigmoid   An answer needs nobody else, so a chunk's gradients are computed while its logits are at hand: nothing is
          computed twice.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from clip_tutor.losses.pairs import check_features

CHUNK_SIZE = 128  # (128, 32,768) logits are 16 MB: a CPU's memory takes them without asking the system anew


def chunked_contrastive_loss(
    image_features: Tensor,
    text_features: Tensor,
    logit_scale: Tensor | float,
    label_smoothing: float = 0.0,
    chunk_size: int = CHUNK_SIZE,
) -> Tensor:
    """Return what `contrastive_loss` returns, of the same arguments, but hold (chunk_size, B) logits, not (B, B).

    Args:
        chunk_size: rows at a time. More than 128 gain nothing on a CPU; a GPU is kept busy by 1,024.
    """
    check_features(image_features, text_features)
    scaled = logit_scale * image_features  # (B, E)
    by_row, by_column = _LogSumExps.apply(scaled, text_features, chunk_size)  # (B,) each
    positives = (scaled * text_features).sum(dim=-1)  # (B,), the diagonal
    # Smoothing gives every answer a share of the truth, and the mean of all logits is the logit of the mean vectors.
    any_answer = scaled.mean(dim=0) @ text_features.mean(dim=0)
    truth = (1 - label_smoothing) * positives.mean() + label_smoothing * any_answer
    return (by_row + by_column).mean() / 2 - truth


def chunked_sigmoid_loss(
    image_features: Tensor,
    text_features: Tensor,
    logit_scale: Tensor | float,
    logit_bias: Tensor | float,
    chunk_size: int = CHUNK_SIZE,
) -> Tensor:
    """Return what `sigmoid_loss` returns, of the same arguments, but hold (chunk_size, B) logits, not (B, B).

    Args:
        chunk_size: rows at a time. More than 128 gain nothing on a CPU; a GPU is kept busy by 1,024.
    """
    check_features(image_features, text_features)
    scaled = logit_scale * image_features  # (B, E)
    positives = (scaled * text_features).sum(dim=-1) + logit_bias  # (B,), the diagonal
    # The diagonal is first counted as if it were wrong; softplus(-x) = softplus(x) - x puts it right.
    return (all_negatives_loss(scaled, text_features, logit_bias, chunk_size) - positives.sum()) / len(positives)


def all_negatives_loss(
    images: Tensor, texts: Tensor, logit_bias: Tensor | float, chunk_size: int = CHUNK_SIZE
) -> Tensor:
    """Return the sigmoid loss, summed, if none of (B, E) scaled images belongs to one of (M, E) captions."""
    bias = torch.as_tensor(logit_bias, dtype=images.dtype, device=images.device)
    return _CostOfNo.apply(images, texts, bias, chunk_size)


class _LogSumExps(torch.autograd.Function):
    """log Σ exp over each row and each column of ``images @ texts.T``."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, texts: Tensor, chunk_size: int) -> tuple[Tensor, Tensor]:
        by_row, by_column = torch.empty_like(images[:, 0]), torch.full_like(texts[:, 0], -torch.inf)
        for rows, part in zip(images.split(chunk_size), by_row.split(chunk_size), strict=True):
            logits = rows @ texts.T  # (c, N)
            part.copy_(logits.logsumexp(dim=1))
            by_column = torch.logaddexp(by_column, logits.logsumexp(dim=0))
        ctx.save_for_backward(images, texts, by_row, by_column)
        ctx.chunk_size = chunk_size
        return by_row, by_column

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, row_gradient: Tensor, column_gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        images, texts, *sums = ctx.saved_tensors
        image_gradient, text_gradient = torch.empty_like(images), torch.zeros_like(texts)
        chunks = (each.split(ctx.chunk_size) for each in (images, image_gradient, sums[0], row_gradient))
        for rows, gradient, row_sums, weights in zip(*chunks, strict=True):
            logits = rows @ texts.T  # (c, N), once more
            pull = (logits - row_sums[:, None]).exp_().mul_(weights[:, None])  # each row's probabilities
            pull += logits.sub_(sums[1]).exp_().mul_(column_gradient)  # each column's
            torch.mm(pull, texts, out=gradient)
            text_gradient.addmm_(pull.T, rows)
        return image_gradient, text_gradient, None


class _CostOfNo(torch.autograd.Function):
    """Σ softplus(images @ texts.T + bias); the forward pass computes the gradients, too."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, texts: Tensor, bias: Tensor, chunk_size: int) -> Tensor:
        total, bias_gradient = torch.zeros_like(bias), torch.zeros_like(bias)
        image_gradient, text_gradient = torch.empty_like(images), torch.zeros_like(texts)
        for rows, gradient in zip(images.split(chunk_size), image_gradient.split(chunk_size), strict=True):
            logits = (rows @ texts.T).add_(bias)  # (c, M)
            total += F.softplus(logits).sum()
            yes = logits.sigmoid_()  # (c, M): the slope of softplus, and what the model believes
            bias_gradient += yes.sum()
            torch.mm(yes, texts, out=gradient)
            text_gradient.addmm_(yes.T, rows)
        ctx.save_for_backward(image_gradient, text_gradient, bias_gradient)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, weight: Tensor) -> tuple[Tensor, ...]:
        return (*(weight * gradient for gradient in ctx.saved_tensors), None)
