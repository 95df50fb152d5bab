"""Boxes that a decoder says for words: right where they overlap with the true one by more than half.

Source: Kazemzadeh et al. 2014 (ReferItGame) and Yu et al. 2016 for the rule; IoU itself is torchvision's.
"""

from torch import Tensor
from torchvision.ops import box_iou

ENOUGH = 0.5


def box_hits(said: Tensor, truth: Tensor) -> Tensor:
    """Return (B,) bool: whether intersection over union of each pair of boxes is above 0.5.

    A box that is none is a miss: one that ends before it begins, or is NaN.

    Args:
        said, truth: (B, 4) left, top, right, bottom, in any unit.

    Raises:
        ValueError: there is not one box of each for each question, or a true one is none.
    """
    if said.shape != truth.shape or said.shape[1:] != (4,):
        raise ValueError(
            f"boxes that were said {tuple(said.shape)} and true ones {tuple(truth.shape)}: both are (B, 4)"
        )
    if not _is_box(truth).all():
        raise ValueError("a true box is none: give left, top, right, bottom with left < right and top < bottom")
    return box_iou(said, truth).diagonal() > ENOUGH


def _is_box(corners: Tensor) -> Tensor:
    """Return (B,) bool."""
    left, top, right, bottom = corners.unbind(dim=1)
    return (left < right) & (top < bottom)
