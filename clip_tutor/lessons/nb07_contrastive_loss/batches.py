"""Batches chosen to make a point about the loss.

family   16 pairs that differ in one, two or three facts: a batch full of near misses
mixed    8 pairs of training, some of whose captions fit a neighbor's image as well
"""

from clip_tutor.data.emoji import FIRST_WORDS, find_emoji
from clip_tutor.data.scenes import Batch, Scenes

THINGS, COLORS, COUNTS = ("🐈", "🐻", "🐧", "🦉"), ("blue", "pink"), (1, 3)
LOOK_THROUGH = 20_000  # scenes: enough for one of each kind that is wanted
MIXED = (177, 99, 833, 359, 1463, 1277, 553, 1245)  # kites, bicycles and cats, the alike ones not side by side


def family(size: int = 64) -> Batch:
    """Return 16 test scenes: each of four animals, alone and three times, on blue and on pink; sorted by color."""
    scenes = Scenes(find_emoji(FIRST_WORDS), "test", size)
    first: dict[tuple[object, ...], int] = {}
    for scene in scenes.scenes(range(LOOK_THROUGH)):
        if scene.size in (None, "plain"):
            first.setdefault(
                (scene.background, scene.count, *(thing.character for thing in scene.objects)), scene.index
            )
    return scenes.batch([first[color, count, thing] for color in COLORS for count in COUNTS for thing in THINGS])


def mixed(size: int = 64) -> Batch:
    """Return 8 training scenes. Some of their captions leave out color or size, as people do, and fit two images."""
    return Scenes(find_emoji(FIRST_WORDS), "train", size).batch(MIXED)
