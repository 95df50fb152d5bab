"""Take out of vectors what a linear probe reads, and look whether anybody misses it.

    probe for the quarter ─▶ its M − 1 directions ─▶ x − Q Qᵀ x ─▶ another probe, on what is left ─▶ …

Source: Ravfogel et al. 2020, "Null It Out", section 3: iterative nullspace projection.
"""

from __future__ import annotations

import torch
from torch import Tensor

from clip_tutor.evaluation.featurizer import Labelled, fit_probe

ROUNDS = 6


def directions_of(train: Labelled, l2: float, rounds: int = ROUNDS) -> Tensor:
    """Return (R, D), orthonormal: all directions that one probe after the other has read.

    Args:
        l2: λ of each probe.
    """
    features, found = train.features.double(), torch.empty(0, train.features.shape[1], dtype=torch.float64)
    for _ in range(rounds):
        weight = fit_probe(Labelled(without(features, found), train.labels), l2).weight
        spread = weight - weight.mean(dim=0)  # (M, D) of rank M − 1: what all classes share decides nothing
        new = torch.linalg.svd(without(spread, found), full_matrices=False).Vh[: len(weight) - 1]  # (M − 1, D)
        found = torch.linalg.qr(torch.cat([found, new]).T).Q.T  # (R, D)
    return found


def without(features: Tensor, directions: Tensor) -> Tensor:
    """Return (N, D) vectors with nothing left along (R, D) orthonormal directions."""
    return features.double() - features.double() @ directions.T @ directions
