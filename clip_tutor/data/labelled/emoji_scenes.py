"""The embedded scenes as a labelled set: which object is seen?"""

from __future__ import annotations

from PIL import Image

from clip_tutor.data.emoji import FIRST_WORDS, find_emoji, load_emoji
from clip_tutor.data.labelled.images import LabelledImages, Rows
from clip_tutor.data.scenes import Scenes, Split

COUNT = 2000  # scenes of the everyday objects; of all 1,870, five times as many


def labelled_scenes(
    objects: str = "everyday", split: Split = "test", size: int = 64, count: int | None = None, seed: int = 0
) -> LabelledImages:
    """Return scenes with one object, whose class is the object, drawn when they are asked for.

    Args:
        objects: "everyday", 104 of them, or "all", 1,870.
        split: "test", "train", or "compositional", which shows each object only where training never did.
        size: H = W, in pixels.
        count: how many scenes.

    Raises:
        ValueError: there is no such choice of objects, or no such split.
    """
    if objects not in ("everyday", "all"):
        raise ValueError(f"scenes show 'everyday' objects or 'all', not {objects!r}")
    emoji = find_emoji(FIRST_WORDS) if objects == "everyday" else load_emoji()
    scenes = Scenes(emoji, split, size, seed, kinds=("one",))
    numbers = range(count or (COUNT if objects == "everyday" else 5 * COUNT))
    row_of = {one.character: row for row, one in enumerate(emoji)}
    truth = scenes.scenes(numbers)

    def draw(row: int) -> Image.Image:
        return Image.fromarray(scenes.batch([row]).pixels[0].permute(1, 2, 0).numpy())

    return LabelledImages(
        tuple(one.noun.singular for one in emoji),
        [row_of[scene.objects[0].character] for scene in truth],
        Rows(draw, numbers),
        Rows(lambda row: f"{split} scene {row}: {truth[row].caption}", numbers),
    )
