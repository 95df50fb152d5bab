"""The ways from an image's bytes to the numbers that an encoder reads: CLIP's, others that are in use, and mistakes.

bytes 0..255 ─ × factor ─▶ 0..1 if all is well ─ − mean, / std, channel by channel ─▶ about −2..2 if all is well
"""

from typing import NamedTuple

import torch
from torch import Tensor

from clip_tutor.images.preprocessing import CLIP_MEAN, CLIP_STD, HALF, IMAGENET_MEAN, IMAGENET_STD

Three = tuple[float, ...]  # a number for each channel: red, green, blue


class Recipe(NamedTuple):
    """How bytes became numbers: ``(factor * bytes - mean) / std``."""

    factor: float
    mean: Three
    std: Three

    def of_shades(self, pixels: Tensor) -> Tensor:
        """Return what the recipe makes of pixels (..., 3, H, W) whose bytes were already divided by 255, rightly."""
        mean, std = (torch.tensor(three).view(3, 1, 1) for three in (self.mean, self.std))
        return (255 * self.factor * pixels - mean) / std


_NOTHING: tuple[Three, Three] = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
# ((x - mean) / std - mean) / std is one shift and one scale, too.
_TWICE: tuple[Three, Three] = (
    tuple(mean + mean * std for mean, std in zip(CLIP_MEAN, CLIP_STD, strict=True)),
    tuple(std * std for std in CLIP_STD),
)

RECIPES = {
    "CLIP's mean and std": Recipe(1 / 255, CLIP_MEAN, CLIP_STD),
    "ImageNet's": Recipe(1 / 255, IMAGENET_MEAN, IMAGENET_STD),
    "0.5 and 0.5": Recipe(1 / 255, HALF, HALF),
    "none, 0 to 1": Recipe(1 / 255, *_NOTHING),
    "CLIP's, blue first": Recipe(1 / 255, CLIP_MEAN[::-1], CLIP_STD[::-1]),
    "normalized twice": Recipe(1 / 255, *_TWICE),
    "divided by 255 twice": Recipe(1 / 255**2, CLIP_MEAN, CLIP_STD),
    "never divided by 255": Recipe(1.0, CLIP_MEAN, CLIP_STD),
}
