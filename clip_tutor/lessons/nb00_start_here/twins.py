"""Twins: two images and their captions that differ in one fact, four pairs to look at and hundreds to count.

kinds     a tiger | a leopard              another thing of the same sort
numbers   two cats | three cats            one more, or one fewer
colors    a rocket on red | on black       another background
places    a left of b | b left of a        the same words in another order
"""

from typing import NamedTuple

import numpy as np
from PIL import Image
from torch import Tensor, stack

from clip_tutor.data.drawing import BACKGROUNDS
from clip_tutor.data.emoji import find_emoji, load_emoji
from clip_tutor.data.scenes import KINDS, Plan, Scenes

Thing = tuple[str, int, int, int]  # an emoji, its left edge, its top edge and its side, in pixels of 64
FACTS = ("kinds", "numbers", "colors", "places")
PAIRS = 100  # of each fact
_LOOK_THROUGH = 3_000  # scenes, enough for a hundred that each fact can be changed in
_PLAIN = 1  # neither tiny nor huge
_ONE_WORDING = (0.0, 0.0, 0.9, 0.0, 0.0, 0.9)  # the random numbers that choose the words of a caption
_EIGHT: dict[str, tuple[str, list[Thing]]] = {
    "a tiger on a green background": ("green", [("🐅", 10, 12, 40)]),
    "a leopard on a green background": ("green", [("🐆", 12, 10, 40)]),
    "two cats on a blue background": ("blue", [("🐈", 4, 6, 26), ("🐈", 34, 36, 26)]),
    "three cats on a blue background": ("blue", [("🐈", 4, 5, 26), ("🐈", 35, 3, 26), ("🐈", 33, 36, 26)]),
    "a rocket on a red background": ("red", [("🚀", 18, 14, 32)]),
    "a rocket on a black background": ("black", [("🚀", 16, 16, 32)]),
    "a banana to the left of a star on purple": ("purple", [("🍌", 3, 20, 26), ("⭐", 35, 18, 26)]),
    "a star to the left of a banana on purple": ("purple", [("⭐", 3, 20, 26), ("🍌", 35, 18, 26)]),
}


class Twins(NamedTuple):
    """T pairs of twins: caption i of a pair belongs to its image i."""

    pixels: Tensor  # (T, 2, 3, H, W) uint8
    captions: list[tuple[str, str]]


def eight_twins(size: int) -> dict[str, Image.Image]:
    """Return four pairs of twins, one for each fact: eight captions, each with its image of ``size`` pixels."""
    return {caption: _compose(size, color, things) for caption, (color, things) in _EIGHT.items()}


def _compose(size: int, color: str, things: list[Thing]) -> Image.Image:
    """Return an image of things on a color, brought to ``size`` × ``size`` pixels."""
    image = Image.new("RGB", (64, 64), BACKGROUNDS[color])
    for character, left, top, side in things:
        drawing = find_emoji([character])[0].image().resize((side, side), Image.Resampling.LANCZOS)
        image.paste(drawing, (left, top), drawing)
    return image.resize((size, size))


def many_twins(size: int) -> dict[str, Twins]:
    """Return 100 pairs of twins for each fact, in scenes that no training shows; always the same."""
    scenes = Scenes(load_emoji(), "test", size)
    plan = scenes.plan(range(_LOOK_THROUGH))
    found = {}
    for fact, (able, changed) in _changes(scenes, plan).items():
        rows = np.flatnonzero(able)[:PAIRS]
        one, other = (scenes.show(_rows(one, rows), rows.tolist()) for one in (plan, changed))
        captions = list(zip(one.captions, other.captions, strict=True))
        found[fact] = Twins(stack([one.pixels, other.pixels], dim=1), captions)
    return found


def _changes(scenes: Scenes, plan: Plan) -> dict[str, tuple[np.ndarray, Plan]]:
    """Return for each fact which scenes have it, and the plan of all with that fact changed."""
    plain = (plan.kind == KINDS.index("one")) & (plan.size == _PLAIN)
    sorts = np.array([emoji.subgroup for emoji in scenes.objects])
    next_of_sort = np.array([_next_of(sort, row, sorts) for row, sort in enumerate(sorts)])
    first = plan.objects[:, 0]
    colors = np.array(list(BACKGROUNDS.values()))
    background = (plan.background + 1 + np.arange(len(first)) % (len(colors) - 1)) % len(colors)
    color = (plan.color + colors[background] - colors[plan.background]).clip(0, 255).astype(np.uint8)
    number = np.where(plan.number == 4, 3, plan.number + 1)
    return {
        "kinds": (plain & (next_of_sort[first] != first), plan._replace(objects=next_of_sort[plan.objects])),
        "numbers": (plan.kind == KINDS.index("several"), plan._replace(number=number)),
        "colors": (plain, plan._replace(background=background, color=color)),
        "places": (plan.kind == KINDS.index("pair"), plan._replace(objects=plan.objects[:, ::-1])),
    }


def _next_of(sort: str, row: int, sorts: np.ndarray) -> int:
    """Return the row of the next thing of a sort, from the start again after the last one."""
    rows = np.flatnonzero(sorts == sort)
    return int(rows[(np.flatnonzero(rows == row)[0] + 1) % len(rows)])


def _rows(plan: Plan, rows: np.ndarray) -> Plan:
    """Return some rows of a plan, all to be told in the same words."""
    chosen = Plan._make(column[rows] for column in plan)
    return chosen._replace(wording=np.tile(_ONE_WORDING, (len(rows), 1)))
