"""What a scene shows, as five whole numbers: the truth that a judge learns, and what it says.

                                  first   second   count   arrangement   background
    two cats on a red background  cat     -        2       -             red
    a dog below a kite on white   kite    dog      2       above         white

"Below" and "right of" are told as "above" and "left of", with the two objects exchanged: what an image shows has one
description. One object has no second and no arrangement; for these, the last number of each stands.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from clip_tutor.data.drawing import BACKGROUNDS
from clip_tutor.data.emoji import Emoji
from clip_tutor.data.scenes import Scene

FACTS = ("first", "second", "count", "arrangement", "background")
MOST = 4  # objects in a scene
ARRANGEMENTS = ("left of", "above", None)
_EXCHANGED = {"right of": "left of", "below": "above"}


def fact_sizes(objects: int) -> dict[str, int]:
    """Return how many answers there are to each of the five questions, with so many objects."""
    return dict(zip(FACTS, (objects, objects + 1, MOST, len(ARRANGEMENTS), len(BACKGROUNDS)), strict=True))


def facts_of(scenes: Sequence[Scene], objects: Sequence[Emoji]) -> Tensor:
    """Return (B, 5), the facts of B scenes.

    Args:
        objects: what is counted as object 0, 1, 2 …

    Raises:
        KeyError: a scene shows another object.
    """
    number = {emoji.character: n for n, emoji in enumerate(objects)}
    backgrounds = list(BACKGROUNDS)
    rows = []
    for scene in scenes:
        shown = [number[emoji.character] for emoji in scene.objects]
        arrangement: str | None = scene.relation
        if arrangement in _EXCHANGED:
            shown, arrangement = shown[::-1], _EXCHANGED[arrangement]
        first, second = (*shown, len(objects))[:2]
        rows.append(
            (first, second, scene.count - 1, ARRANGEMENTS.index(arrangement), backgrounds.index(scene.background))
        )
    return torch.tensor(rows)
