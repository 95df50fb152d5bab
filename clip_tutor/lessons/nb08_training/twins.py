"""Pairs of captions that differ in one fact alone: the quickest way to ask what a model knows already.

    a dog to the left of a cat on a red background   ┬─ color   … on a blue background
                                                     ├─ place   a dog to the right of …
                                                     └─ thing   a banana to the left of …

A model that does not know the fact prefers the right twin half of the time. All other facts are equal, so they cannot
help it, as they do in retrieval: there, color and number alone find many an image.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from clip_tutor.data.captions import OPPOSITE, choose, describe
from clip_tutor.data.drawing import BACKGROUNDS
from clip_tutor.data.emoji import Emoji
from clip_tutor.data.random_numbers import counter_rng
from clip_tutor.data.scenes import Scene

FACTS = ("color", "number", "size", "place", "thing")
_OTHER_SIZE = {"tiny": "huge", "huge": "tiny"}
_ONE_WORDING = (0.0, 0.0, 0.9, 0.0, 0.0, 0.9)  # the random numbers that choose the words


class Twins(NamedTuple):
    """For each of some scenes one question: which of two captions is true?"""

    rows: list[int]  # of the scenes that can be asked
    right: list[str]
    wrong: list[str]


def twins(scenes: Sequence[Scene], objects: Sequence[Emoji], seed: int = 0) -> dict[str, Twins]:
    """Return for each fact the scenes that have it, with a caption that tells it right and one that tells it wrong.

    Place is asked of two things, number of several and of one that is neither tiny nor huge, size of those that are.
    Wrong things are drawn from ``objects``; the same ``seed`` draws the same lies.
    """
    asked = {fact: Twins([], [], []) for fact in FACTS}
    for row, (scene, lots) in enumerate(zip(scenes, counter_rng(seed, np.arange(len(scenes)), 3), strict=True)):
        for fact, lie in _lies(scene, objects, lots.tolist()).items():
            asked[fact].rows.append(row)
            asked[fact].right.append(_told(scene))
            asked[fact].wrong.append(_told(replace(scene, **lie)))
    return asked


def _lies(scene: Scene, objects: Sequence[Emoji], lots: Sequence[float]) -> dict[str, dict[str, Any]]:
    """Return for each fact that a scene has what to change to get it wrong."""
    things = [thing for thing in objects if thing not in scene.objects]
    colors = [color for color in BACKGROUNDS if color != scene.background]
    lies: dict[str, dict[str, Any]] = {
        "color": {"background": choose(colors, lots[0])},
        "thing": {"objects": (choose(things, lots[1]), *scene.objects[1:])},
    }
    if scene.relation:
        lies["place"] = {"relation": OPPOSITE[scene.relation]}
    elif scene.size in _OTHER_SIZE:
        lies["size"] = {"size": _OTHER_SIZE[scene.size]}
    else:
        counts = [count for count in (1, 2, 3, 4) if count != scene.count]
        lies["number"] = {"count": choose(counts, lots[2])}
    return lies


def _told(scene: Scene) -> str:
    size = scene.size if scene.count == 1 else None
    return describe(scene.objects, scene.count, size, scene.relation, scene.background, _ONE_WORDING)
