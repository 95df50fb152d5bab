"""One thing alone on a plain color: as many images as wanted, and the same ones with the thing moved a little.

    thing, size, place, color ──▶ (3, H, W)          `portrait`, by hand
    random numbers for each of B images ────▶ (B, 3, H, W), and what they show          `portraits`

The scenes of `clip_tutor.data` cannot be moved by a pixel: there, where things stand follows from the scene's number.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from clip_tutor.data.drawing import BACKGROUNDS, SpriteBox
from clip_tutor.data.emoji import Emoji
from clip_tutor.data.scenes import SIZE_RANGES, SIZES


class Portraits(NamedTuple):
    """B images of one thing each."""

    pixels: Tensor  # (B, 3, H, W) uint8
    things: Tensor  # (B,) which of the objects
    sizes: Tensor  # (B,) which of tiny, plain and huge


def portraits(objects: Sequence[Emoji], count: int, side: int, seed: int, right: int = 0) -> Portraits:
    """Return ``count`` images of ``side`` × ``side`` pixels.

    With the same seed and another ``right`` each thing stands that many pixels further right, and all else is the same;
    up to 2 pixels there is room for it.
    """
    rng = np.random.default_rng(seed)
    things, sizes = rng.integers(len(objects), size=count), rng.integers(len(SIZES), size=count)
    low, high = SIZE_RANGES[sizes].T
    sides = (side * (low + rng.random(count) * (high - low))).astype(int) // 2 * 2
    left, top = (rng.random((2, count)) * (side - 2 - sides)).astype(int)
    color = np.array(list(BACKGROUNDS.values()), np.uint8)[rng.integers(len(BACKGROUNDS), size=count)]
    places = np.stack([left + right, top, sides], axis=1)  # (B, 3)
    pixels = _draw(objects, side, color, things, places)
    return Portraits(pixels, torch.from_numpy(things), torch.from_numpy(sizes))


def portrait(thing: Emoji, side: int, size: int, left: int, top: int, color: str = "white") -> Tensor:
    """Return (3, side, side) uint8: one thing, ``size`` pixels large, with its corner at (``left``, ``top``)."""
    place = np.array([[left, top, size]])
    return _draw([thing], side, np.array([BACKGROUNDS[color]], np.uint8), np.zeros(1, int), place)[0]


def _draw(objects: Sequence[Emoji], side: int, color: np.ndarray, things: np.ndarray, places: np.ndarray) -> Tensor:
    B = len(things)
    pairs, alone, once = np.stack([things, things], axis=1), np.zeros(B, bool), np.ones(B, int)
    drawn = _box(tuple(objects)).draw(side, color, pairs, alone, once, places[:, None].repeat(4, axis=1))
    return torch.from_numpy(drawn).permute(0, 3, 1, 2)


@lru_cache(maxsize=8)
def _box(objects: tuple[Emoji, ...]) -> SpriteBox:
    """Keep the scaled drawings: making them takes longer than all the rest."""
    return SpriteBox(objects)
