"""Batches chosen to make a point about the loss, and which captions of a batch fit more than one image.

family   16 pairs that differ in one, two or three facts: a batch full of near misses
mixed    8 pairs of training, some of whose captions fit a neighbor's image as well
fits     who fits whom, by the truth about the scenes and not by any model
"""

import re
from collections.abc import Sequence

import torch
from torch import Tensor

from clip_tutor.data.captions import SIZE_WORDS
from clip_tutor.data.emoji import FIRST_WORDS, find_emoji
from clip_tutor.data.scenes import Batch, Scene, Scenes

THINGS, COLORS, COUNTS = ("🐈", "🐻", "🐧", "🦉"), ("blue", "pink"), (1, 3)
LOOK_THROUGH = 20_000  # scenes: enough for one of each kind that is wanted
MIXED = (177, 99, 833, 359, 1463, 1277, 553, 1245)  # kites, bicycles and cats, the alike ones not side by side
SILENT = -1
_SIZE_WORDS = {word for words in SIZE_WORDS.values() for word in words}


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


def fits(scenes: Sequence[Scene]) -> Tensor:
    """Return (N, N) truth values: does caption i (row) say only what is true of image j (column)?

    It asks for things, number and place, and for color and size where the caption mentions them. Nouns that several
    things share are not looked into: "an animal" counts as fitting its own kind alone.
    """
    number: dict[object, int] = {None: SILENT}
    truths = torch.tensor([[number.setdefault(fact, len(number)) for fact in _facts(scene)] for scene in scenes])
    told = torch.where(torch.tensor([_silent(scene) for scene in scenes]), SILENT, truths)  # (N, facts)
    return ((told[:, None] == truths) | (told[:, None] == SILENT)).all(dim=-1)


def _facts(scene: Scene) -> tuple[object, ...]:
    """Return things, number, size, place and color, so that no two kinds of fact are ever equal."""
    return tuple(fact if fact is None else (kind, fact) for kind, fact in enumerate(scene.truth))


def _silent(scene: Scene) -> list[bool]:
    """Return for each of these facts whether the caption leaves it out."""
    color_told = re.search(rf"background|\bon {scene.background}\b", scene.caption)
    size_told = _SIZE_WORDS & set(scene.caption.split())
    return [False, False, scene.kind == "one" and not size_told, False, not color_told]
