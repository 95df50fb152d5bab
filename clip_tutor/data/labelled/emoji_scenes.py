"""The embedded scenes as a labelled set: which object is seen?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from clip_tutor.data.emoji import FIRST_WORDS, Emoji, find_emoji, load_emoji
from clip_tutor.data.labelled.images import LabelledImages, Rows
from clip_tutor.data.scenes import Scenes, Split

BLOCK = 32  # scenes that are drawn together
COUNT = 2000  # scenes of the everyday objects; of all 1,870, five times as many


def labelled_scenes(
    objects: str | Sequence[Emoji] = "everyday",
    split: Split = "test",
    size: int = 64,
    count: int | None = None,
    seed: int = 0,
) -> LabelledImages:
    """Return scenes with one object, whose class is the object, drawn when they are asked for.

    Args:
        objects: "everyday", 104 of them, "all", 1,870, or those to choose from, at least 48.
        split: "test", "train", or "compositional", which shows each object only where training never did.
        size: H = W, in pixels.
        count: how many scenes.

    Raises:
        ValueError: there is no such choice of objects, or no such split.
    """
    if isinstance(objects, str) and objects not in ("everyday", "all"):
        raise ValueError(f"scenes show 'everyday' objects or 'all', not {objects!r}")
    if isinstance(objects, str):
        objects, several = (find_emoji(FIRST_WORDS), 1) if objects == "everyday" else (load_emoji(), 5)
    else:
        several = 1
    scenes = Scenes(objects, split, size, seed, kinds=("one",))
    numbers = range(count or several * COUNT)
    row_of = {one.character: row for row, one in enumerate(objects)}
    truth = scenes.scenes(numbers)

    @lru_cache(maxsize=8)
    def block(place: int) -> NDArray[np.uint8]:  # a scene by itself takes five times as long as one among others
        drawn = scenes.batch(range(place * BLOCK, (place + 1) * BLOCK))
        return drawn.pixels.permute(0, 2, 3, 1).numpy()  # (BLOCK, H, W, 3)

    def draw(row: int) -> Image.Image:
        return Image.fromarray(block(row // BLOCK)[row % BLOCK])

    return LabelledImages(
        tuple(one.noun.singular for one in objects),
        [row_of[scene.objects[0].character] for scene in truth],
        Rows(draw, numbers),
        Rows(lambda row: f"{split} scene {row}: {truth[row].caption}", numbers),
    )
