"""Pairs of captions that differ in one fact alone: the quickest way to ask what a model knows already.

    a dog to the left of a cat on a red background   ┬─ color   … on a blue background
                                                     ├─ place   a dog to the right of …
                                                     └─ thing   a banana to the left of …

A model that does not know the fact prefers the right twin half of the time. All other facts are equal, so they cannot
help it, as they do in retrieval: there, color and number alone find many an image.

`clip_tutor.evaluation.hard_negatives` asks the same questions in many wordings, with baselines beside them.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from clip_tutor.data.emoji import Emoji
from clip_tutor.data.random_numbers import counter_rng
from clip_tutor.data.scenes import Scene
from clip_tutor.evaluation.wrong_captions import told, wrong_scenes

FACTS = {
    "color": "replaced background",
    "number": "replaced count",
    "size": "replaced size",
    "place": "replaced relation",
    "thing": "replaced object",
}
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
        wrong = wrong_scenes(scene, objects, lots.tolist())
        for fact, kind in FACTS.items():
            if kind in wrong:
                asked[fact].rows.append(row)
                asked[fact].right.append(told(scene, _ONE_WORDING))
                asked[fact].wrong.append(told(next(wrong[kind]), _ONE_WORDING))
    return asked
