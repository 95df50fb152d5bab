"""When classes overlap: a probability for each label by itself, instead of one that all share.

A photograph of a puppy is "a dog" AND "an animal". The softmax makes the two take turns: each gets half, and with one
label alone it says 1 whatever is seen. Here each label is a question of its own,

    p(label | image) = 1 / (1 + exp(−(scale · cosine similarity + bias)))

with two numbers for all labels, fitted on a validation split (Platt scaling). A model trained with the sigmoid loss
has learned them.

Source: Platt 1999; Zhai et al. 2023, section 3.2.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

MOST_STEPS, PRECISION = 100, 1e-10


class LabelScale(NamedTuple):
    """What turns a cosine similarity into a logit."""

    scale: float
    bias: float


def label_probabilities(similarity: Tensor, label_scale: LabelScale) -> Tensor:
    """Return (N, M): how probable each label is, independent of the others, from (N, M) cosine similarities."""
    return (label_scale.scale * similarity + label_scale.bias).sigmoid()


def fit_label_scale(similarity: Tensor, truth: Tensor) -> LabelScale:
    """Return the scale and bias with which the labels of a VALIDATION split are most probable.

    Logistic regression with two parameters, by Newton's method; the targets are drawn in a little, as Platt does, so
    that labels which a threshold separates perfectly do not send the scale to infinity.

    Args:
        similarity: (N, M) cosine similarities of images that nothing is measured on.
        truth: (N, M) bool: which labels are true of which image, any number of them.

    Raises:
        ValueError: the shapes differ, or no label, or every label, is true.
    """
    if similarity.shape != truth.shape or truth.dtype != torch.bool:
        raise ValueError(
            "one similarity and one true-or-false for each image and label: got "
            f"{tuple(similarity.shape)} and {tuple(truth.shape)} of {truth.dtype}"
        )
    positive, negative = int(truth.sum()), int((~truth).sum())
    if not positive or not negative:
        raise ValueError(f"{positive} true and {negative} false labels: both kinds are needed to tell them apart")
    x = torch.stack([similarity.double().flatten(), torch.ones(truth.numel(), dtype=torch.float64)])  # (2, N·M)
    high, low = (positive + 1) / (positive + 2), 1 / (negative + 2)
    target = torch.where(truth.flatten(), high, low).double()
    spread, mean = x[0].std().clamp(min=1e-12), x[0].mean()
    x[0] = (x[0] - mean) / spread
    theta = torch.tensor([0.0, torch.logit(target.mean()).item()], dtype=torch.float64)
    for _ in range(MOST_STEPS):
        p = (theta @ x).sigmoid()
        gradient = x @ (p - target)  # (2,)
        curvature = (x * (p * (1 - p))) @ x.T + 1e-9 * torch.eye(2, dtype=torch.float64)
        step = torch.linalg.solve(curvature, gradient)
        theta = theta - step.clamp(-1, 1)
        if step.abs().max() < PRECISION:
            break
    scale = (theta[0] / spread).item()
    return LabelScale(scale, (theta[1] - scale * mean).item())
