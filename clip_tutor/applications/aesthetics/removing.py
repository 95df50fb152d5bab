"""A taste without an attribute: what is left of a head when it may no longer look at the background.

    vectors, labels ─▶ means of the M groups ─▶ the M − 1 directions in which they differ ─ Q
    head w ─▶ w − Qᵀ Q w

All groups then have the same mean score, on the images that the means are of: nothing of the variance lies between them
(``test_without_its_directions_a_head_scores_all_groups_alike``). On other images a little comes back, for their means
differ a little.

Source: Haghighatkhah et al. 2022, "Better Hit the Nail on the Head than Beat around the Bush" (mean projection).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from clip_tutor.applications.aesthetics.heads import LinearHead


def attribute_directions(features: Tensor, labels: Sequence[str]) -> Tensor:
    """Return (M − 1, E), orthonormal, float64: all directions in which the means of M groups differ.

    Args:
        features: (N, E).
        labels: of each vector.

    Raises:
        ValueError: not one label for each vector, or all are the same.
    """
    names = sorted(set(labels))
    if len(labels) != len(features) or len(names) < 2:
        raise ValueError(f"one label for each of {len(features)} vectors, and at least two kinds: got {len(labels)}")
    groups = torch.tensor([names.index(label) for label in labels])
    means = torch.stack([features[groups == n].double().mean(dim=0) for n in range(len(names))])  # (M, E)
    basis: Tensor = torch.linalg.svd(means - means.mean(dim=0), full_matrices=False).Vh  # (M, E)
    return basis[: len(names) - 1]


def without(head: LinearHead, directions: Tensor) -> LinearHead:
    """Return the head with nothing left along (R, E) orthonormal directions; its bias stays.

    Raises:
        ValueError: the directions are of another space.
    """
    if directions.ndim != 2 or directions.shape[1] != head.embed_dim:
        raise ValueError(f"directions are (R, {head.embed_dim}) for this head, not {tuple(directions.shape)}")
    weight = head.weight.double()
    return LinearHead.of(weight - directions.T @ (directions @ weight), head.bias)
