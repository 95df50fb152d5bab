"""Where everything is in a scene: a box around each drawing, and which object covers each pixel.

      the plan's square          what is opaque            boxes                  object_masks
      ┌───────────┐              . . . . . .               left, top,             -1 -1 -1 -1 -1 -1
      │   ╭───╮   │              . . ■ ■ . .     ──▶       right, bottom    and   -1 -1  7  7 -1 -1
      │   │cat│   │              . ■ ■ ■ ■ .               of its pixels          -1  7  7  7  7 -1
      └───┴───┴───┘              . . ■ ■ . .                                      -1 -1  7  7 -1 -1

A drawing is placed by the square it was scaled to, and has transparent margins and holes. Here a pixel belongs to an
object where the drawing is at least half opaque, and a box is the smallest one around these pixels: tighter than the
square. Drawings never overlap, so each pixel has one owner at most.

All of it is a function of the plan, as the image is: scene i has the same truth in any order and any worker process.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clip_tutor.data.scenes import KINDS, Plan, Scenes

BACKGROUND = -1  # where there is no object
MOST = 4  # drawings in a scene
SMALLEST = 32  # pixels: in smaller scenes thin objects have no half-opaque pixel (``test_every_object_is_seen``)


class Boxes(NamedTuple):
    """Where the drawings of B scenes are."""

    corners: Tensor  # (B, 4, 4) float32: left, top, right, bottom as shares of the image's side; zero where unused
    objects: Tensor  # (B, 4) int64: which row of the vocabulary each drawing shows, `BACKGROUND` where unused


def drawn_objects(plan: Plan) -> Tensor:
    """Return (B, 4) int64: which row of the vocabulary each drawing of a scene shows, `BACKGROUND` where unused."""
    place = np.arange(MOST)
    second = (plan.kind == KINDS.index("pair"))[:, None] & (place == 1)  # (B, 4): only a pair shows two objects
    rows = np.where(second, plan.objects[:, 1:], plan.objects[:, :1])  # (B, 4)
    return torch.from_numpy(np.where(place < plan.number[:, None], rows, BACKGROUND))


def boxes(scenes: Scenes, plan: Plan) -> Boxes:
    """Return a box around the visible pixels of each drawing, in the order in which the plan has them.

    The left and top edges of an image are 0, the right and bottom ones 1. A box ends behind its last pixel, so that its
    area is the share of the image that it covers. In a pair, drawing 0 is the object that the relation speaks of first.

    Args:
        scenes: where the plan is from: ``scenes.plan(indices)`` or ``scenes.training_plan(k, batch_size)``.
        plan: of B scenes.

    Raises:
        ValueError: the scenes are so small that some objects cannot be seen.
    """
    _check(scenes)
    objects = drawn_objects(plan)  # (B, 4)
    corners = np.zeros((*objects.shape, 4), np.float32)
    for b, k in objects.ge(0).nonzero().tolist():
        left, top, side = plan.places[b, k].tolist()
        solid = _solid(scenes, int(objects[b, k]), side)
        across, down = np.flatnonzero(solid.any(axis=0)), np.flatnonzero(solid.any(axis=1))
        corners[b, k] = left + across[0], top + down[0], left + across[-1] + 1, top + down[-1] + 1
    return Boxes(torch.from_numpy(corners / scenes.size), objects)


def object_masks(scenes: Scenes, plan: Plan) -> Tensor:
    """Return (B, H, W) int64: which row of the vocabulary covers each pixel, `BACKGROUND` where none does.

    Arguments and errors: `boxes`.
    """
    _check(scenes)
    objects = drawn_objects(plan)  # (B, 4)
    masks = np.full((len(objects), scenes.size, scenes.size), BACKGROUND)
    for b, k in objects.ge(0).nonzero().tolist():
        left, top, side = plan.places[b, k].tolist()
        row = int(objects[b, k])
        masks[b, top : top + side, left : left + side][_solid(scenes, row, side)] = row
    return torch.from_numpy(masks)


def _solid(scenes: Scenes, row: int, side: int) -> NDArray[np.bool_]:
    """Return (side, side): where the drawing of this object is at least half opaque."""
    _, see_through = scenes.sprites.sprite(row, side)
    return see_through[:, :, 0] <= 128


def _check(scenes: Scenes) -> None:
    if scenes.size < SMALLEST:
        raise ValueError(
            f"in scenes of {scenes.size} pixels some objects have no pixel that shows them: "
            f"make them with size={SMALLEST} or more"
        )
