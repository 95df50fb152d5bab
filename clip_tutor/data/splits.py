"""A test set that nothing leaks into: what belongs together stays together."""

from __future__ import annotations

import torch
from torch import Tensor


def split_by_group(group: Tensor, share: float, seed: int = 0) -> Tensor:
    """Return (N,) truth values: is this row in the test set? Rows of one group always lie on the same side.

    Args:
        group: (N,) whole numbers; rows with the same number show the same image, or were taken at the same place.
        share: of the groups, not of the rows: which groups are drawn must not depend on how large they are.
        seed: another seed, other groups.

    Raises:
        ValueError: one of the two sides would be empty.

    >>> split_by_group(torch.tensor([7, 7, 3, 3, 3, 9]), share=1 / 3).sum().item() in (1, 2, 3)
    True
    """
    names, place = group.unique(return_inverse=True)
    count = round(share * len(names))
    if not 0 < count < len(names):
        raise ValueError(f"{share:.0%} of {len(names)} groups are {count}: nothing is left for one of the two sides")
    drawn = torch.randperm(len(names), generator=torch.Generator().manual_seed(seed))[:count]
    in_test = torch.zeros(len(names), dtype=torch.bool)
    in_test[drawn] = True
    return in_test[place]
