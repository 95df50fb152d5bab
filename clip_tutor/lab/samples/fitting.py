"""Which captions fit which images, by the truth about the scenes and not by any model."""

import re
from collections.abc import Sequence

import torch
from torch import Tensor

from clip_tutor.data.captions import SIZE_WORDS
from clip_tutor.data.scenes import Scene

SILENT = -1  # a fact that a caption leaves out
_SIZE_WORDS = {word for words in SIZE_WORDS.values() for word in words}


def told_and_true(scenes: Sequence[Scene]) -> tuple[Tensor, Tensor]:
    """Return (N, 5) and (N, 5): what caption i says and what is so in image i, as whole numbers.

    The columns are things, number, size, place and color. Equal numbers are equal facts; where a caption leaves a fact
    out, the first table has `SILENT`. Nouns that several things share are not looked into: "an animal" counts as
    telling its own kind.
    """
    number: dict[object, int] = {None: 0}
    truths = torch.tensor([[number.setdefault(fact, len(number)) for fact in _facts(scene)] for scene in scenes])
    silent = torch.tensor([_silent(scene) for scene in scenes])
    return torch.where(silent, SILENT, truths), truths


def fits(scenes: Sequence[Scene]) -> Tensor:
    """Return (N, N) truth values: does caption i (row) say only what is true of image j (column)?"""
    told, truths = told_and_true(scenes)
    return ((told[:, None] == truths) | (told[:, None] == SILENT)).all(dim=-1)


def _facts(scene: Scene) -> tuple[object, ...]:
    """Return things, number, size, place and color, so that no two kinds of fact are ever equal."""
    return tuple(fact if fact is None else (kind, fact) for kind, fact in enumerate(scene.truth))


def _silent(scene: Scene) -> list[bool]:
    """Return for each of these facts whether the caption leaves it out."""
    color_told = re.search(rf"background|\bon {scene.background}\b", scene.caption)
    size_told = _SIZE_WORDS & set(scene.caption.split())
    return [False, False, scene.kind == "one" and not size_told, False, not color_told]
