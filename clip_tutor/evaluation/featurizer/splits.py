"""Which labelled images train, which validate: drawn class by class, and always the same for the same seed."""

from __future__ import annotations

import torch
from torch import Tensor

from clip_tutor.evaluation.featurizer.features import Labelled


def few_of_each(labels: Tensor, count: int, seed: int = 0) -> Tensor:
    """Return the rows of ``count`` images of each class, in order.

    Args:
        labels: (N,) int64.

    Raises:
        ValueError: a class has fewer.
    """
    if count < 1:
        raise ValueError(f"{count} images of each class are none to draw: take at least 1")
    if int((there := labels.bincount()).min()) < count:
        raise ValueError(
            f"class {int(there.argmin())} has {int(there.min())} images, and {count} of each are wanted: take fewer"
        )
    generator = torch.Generator().manual_seed(seed)
    shuffled = torch.randperm(len(labels), generator=generator)  # (N,)
    by_class = shuffled[labels[shuffled].argsort(stable=True)]  # class by class, each in an order of chance
    starts = there.cumsum(0) - there  # (M,)
    return (by_class[starts[:, None] + torch.arange(count)]).flatten().sort().values


def split_off(labelled: Labelled, share: float = 0.2, seed: int = 0) -> tuple[Labelled, Labelled]:
    """Return what trains and what validates: about ``share`` of each class, at least one image of it.

    For sets without a validation split. The test split is none: a λ chosen there has seen the answers.

    Raises:
        ValueError: a class has one image only, or the share does not lie between 0 and 1.
    """
    if not 0 < share < 1:
        raise ValueError(f"a share of {share} leaves nothing on one side: take one between 0 and 1, such as 0.2")
    counts = labelled.labels.bincount()
    if (alone := (counts == 1).nonzero().flatten().tolist()) or not len(counts):
        raise ValueError(f"classes {alone[:10]} have one image only: none is left to validate with")
    held = torch.zeros(len(labelled.labels), dtype=torch.bool)
    generator = torch.Generator().manual_seed(seed)
    for m, count in enumerate(counts.tolist()):
        rows = (labelled.labels == m).nonzero().flatten()
        held[rows[torch.randperm(count, generator=generator)[: max(1, round(share * count))]]] = bool(count)
    train, validation = (Labelled(labelled.features[rows], labelled.labels[rows]) for rows in (~held, held))
    return train, validation
