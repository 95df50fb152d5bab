"""What a model sees of an image that sees nothing but its colors."""

import torch
from torch import Tensor

from clip_tutor.data.drawing import BACKGROUNDS

NAMES = tuple(BACKGROUNDS)
_PALETTE = torch.tensor(list(BACKGROUNDS.values()), dtype=torch.float32)  # (12, 3)
UNNAMED = -1


def histogram(pixels: Tensor) -> Tensor:
    """Return (B, 12): which share of the pixels of (B, 3, H, W) images comes nearest to each of the named colors."""
    flat = pixels.float().flatten(2).transpose(1, 2)  # (B, H · W, 3)
    nearest = torch.cdist(flat, _PALETTE.expand(len(flat), -1, -1)).argmin(dim=-1)  # (B, H · W)
    return torch.nn.functional.one_hot(nearest, len(NAMES)).float().mean(dim=1)


def commonest_color(pixels: Tensor) -> Tensor:
    """Return (B,): the named color, a number from 0 to 11, that most pixels of (B, 3, H, W) images come nearest to."""
    return torch.cat([histogram(part).argmax(dim=1) for part in pixels.split(256)])


def color_of_mean(pixels: Tensor) -> Tensor:
    """Return (B,): the named color that the mean of all pixels of (B, 3, H, W) images comes nearest to."""
    return torch.cdist(pixels.float().mean(dim=(2, 3)), _PALETTE).argmin(dim=1)


def told_color(caption: str) -> int:
    """Return the first named color of a caption as a number from 0 to 11, `UNNAMED` if it has none."""
    return next((NAMES.index(word) for word in caption.split() if word in NAMES), UNNAMED)
