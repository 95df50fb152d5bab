"""How well an automaton heals: the same image before damage, right after it, and some steps later.

grown grid ─ judged ─ a hole ─ judged ─ 50 steps ─ judged ─ 50 steps ─ judged      and one that was left in peace
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.applications.guidance.automaton import Automaton
from clip_tutor.applications.guidance.automaton_damage import random_damage
from clip_tutor.embedding import encode_images
from clip_tutor.model import CLIP

GROWN = 96  # steps after which an automaton is looked at


class Look(NamedTuple):
    """Several grids at one moment, and their twins, which never had a hole."""

    moment: str
    similarity: list[float]  # cosine, of each to the caption
    twin_similarity: list[float]
    distance: list[float]  # root mean squared difference of pixels, of each from the drawing; empty if there is none
    twin_distance: list[float]


def similarities(clip: CLIP, text: Tensor, pixels: Tensor) -> Tensor:
    """Return (B,), the cosine similarities of (B, 3, H, W) pixels, enlarged to the tower's size, to an (E,) caption."""
    size = clip.config.vision.image_size
    return encode_images(clip, F.interpolate(pixels, (size, size), mode="bilinear")) @ text


@torch.no_grad()
def regrowth(
    automaton: Automaton,
    clip: CLIP,
    text: Tensor,
    side: int,
    target: Tensor | None = None,
    damages: int = 16,
    after: Sequence[int] = (50, 100),
    seed: int = 0,
) -> list[Look]:
    """Return how several grown grids look before damage, right after, and after so many steps each.

    Args:
        text: (E,), the caption's unit vector.
        target: (3, side, side), the pixels that are wanted, if there is a drawing.
        damages: B, grids, each with a hole of its own (`random_damage`).

    Raises:
        ValueError: no damage, or steps that do not rise.
    """
    if damages < 1 or list(after) != sorted({*after}) or min(after, default=1) < 1:
        raise ValueError(f"damages={damages}, after={after}: give at least one of each, and steps that rise from 1")
    generator = torch.Generator().manual_seed(seed)
    grid = automaton.run(automaton.initial_grid(damages, side), GROWN, generator)  # (B, C, H, W)
    grid = torch.cat([grid, grid])  # (2·B, C, H, W): with a hole, without one

    def look(moment: str) -> Look:
        pixels = automaton.to_pixels(grid)
        similarity = similarities(clip, text, pixels).tolist()
        distance = [] if target is None else (pixels - target).square().mean(dim=(1, 2, 3)).sqrt().tolist()
        B = damages
        return Look(moment, similarity[:B], similarity[B:], distance[:B], distance[B:])

    looks = [look("before")]
    grid = torch.cat([random_damage(grid[:damages], generator), grid[damages:]])
    looks.append(look("damaged"))
    for steps, more in zip(after, torch.tensor([0, *after]).diff().tolist(), strict=True):
        grid = automaton.run(grid, more, generator)
        looks.append(look(f"{steps} steps later"))
    return looks
