"""Training batches in which what a model knows already decides nothing, and captions that grow harder.

Drawn evenly from 1,870 objects and 12 backgrounds, the scenes of a batch are told apart by color and number alone, and
a model that knows those two has little left to learn. So a share of the batches are made of twins: row i + B/2 repeats
row i with one fact changed.

    pair      a left of b → a right of b
    several   another number
    one       a neighbor in Unicode's order, where look-alikes stand side by side, or another size

"a left of b" and "b right of a" tell the same fact. Neither the order of the nouns nor the word "left" tells anything
alone, only both together: an exclusive or, which gives a gradient no first step. `Wordings` gives it one: relations are
told with "left of" and "above" only at first; "right of" and "below" come in later.

Sources: Robinson et al. 2021, "Contrastive Learning with Hard Negative Samples"; Bengio et al. 2009, "Curriculum
Learning"; Yuksekgonul et al. 2023, "When and Why Vision-Language Models Behave like Bags-of-Words", whose hard
negatives are captions with words swapped and images that are near each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clip_tutor.data.random_numbers import counter_rng, pick

if TYPE_CHECKING:
    from clip_tutor.data.scenes import Scenes

NEAR = 4  # a twin's object stands at most so many places behind the first one's
SIZE_SHARE = 0.25  # of the twins of a single object: they differ in size
# Scenes have the random numbers below 3 · 2⁴⁰; those of batches and of their couples lie apart.
_OF_BATCH, _OF_COUPLES = 1 << 44, 1 << 45

Column = NDArray[np.int64]


class Facts(NamedTuple):
    """What B scenes show, as columns of numbers."""

    kind: Column  # (B,) into `scenes.KINDS`
    first: Column  # (B,) into the vocabulary
    second: Column  # (B,) shown only in a pair
    number: Column  # (B,) how many drawings
    size: Column  # (B,) into `scenes.SIZES`
    relation: Column  # (B,) into `scenes.RELATIONS`
    background: Column  # (B,) into `drawing.BACKGROUNDS`


class Wordings(NamedTuple):
    """When "right of" and "below" come into the captions, in pairs seen: from ``start`` on, fully at ``end``."""

    start: int
    end: int

    def mirrored(self, pairs_seen: int) -> float:
        """Return the share of relations told with "right of" or "below": it grows from 0 to a half."""
        return 0.5 * min(1.0, max(0.0, (pairs_seen - self.start) / (self.end - self.start)))


def has_twins(scenes: Scenes, k: int) -> bool:
    """Return whether training batch ``k`` is made of twins."""
    return bool(counter_rng(scenes.seed, np.array([k + _OF_BATCH]), 1)[0, 0] < scenes.twins)


def training_facts(scenes: Scenes, facts: Facts, k: int) -> Facts:
    """Return the facts of training batch ``k``: those given, drawn evenly, or in some batches half of them with twins.

    It is a function of the seed and ``k`` alone, and no withheld pair occurs in it.
    """
    if not has_twins(scenes, k):
        return facts
    B = len(facts.kind)
    couples = (B + 1) // 2
    u = counter_rng(scenes.seed, np.arange(couples) + k * B + _OF_COUPLES, 9).T[4:]  # (5, couples)
    facts = _that_can_be_mirrored(scenes, Facts._make(column[:couples] for column in facts), u[0])
    twins = _with_one_fact_changed(facts, len(scenes.objects), u[1:4])
    background = pick(scenes.permitted_colors(facts) & scenes.permitted_colors(twins), u[4])
    facts, twins = facts._replace(background=background), twins._replace(background=background)
    return Facts._make(np.concatenate(columns)[:B] for columns in zip(facts, twins, strict=True))


def _whole(u: NDArray[np.float64], n: int) -> Column:
    """Return whole numbers from 0 to n − 1 for random numbers in [0, 1)."""
    return (u * n).astype(np.int64)


def _that_can_be_mirrored(scenes: Scenes, facts: Facts, u: NDArray[np.float64]) -> Facts:
    """Return the facts with relations that may be shown both ways round.

    Each object has one withheld side. So the second object becomes the nearest one whose withheld side lies on the same
    axis as the first one's, and the relation goes to the other axis, on which both of them may stand on both sides.
    """
    axis = scenes.withheld_sides.argmax(axis=1) // 2  # (objects,) 0: left or right, 1: above or below
    second = facts.second.copy()
    for a in (0, 1):
        same = np.flatnonzero(axis == a)
        rows = axis[facts.first] == a
        place = np.searchsorted(same, second[rows])
        nearest = same[place % len(same)]
        second[rows] = np.where(nearest == facts.first[rows], same[(place + 1) % len(same)], nearest)
    return facts._replace(second=second, relation=2 * (1 - axis[facts.first]) + _whole(u, 2))


def _with_one_fact_changed(facts: Facts, n: int, u: NDArray[np.float64]) -> Facts:
    """Return the twins' facts; ``u`` (3, couples) decides how a single object or a number differs."""
    one, several, pair = (facts.kind == kind for kind in range(3))
    resized = one & (u[0] < SIZE_SHARE)
    return facts._replace(
        first=np.where(one & ~resized, (facts.first + 1 + _whole(u[1], NEAR)) % n, facts.first),
        size=np.where(resized, (facts.size + 1 + _whole(u[1], 2)) % 3, facts.size),
        number=np.where(several, 2 + (facts.number - 2 + 1 + _whole(u[2], 2)) % 3, facts.number),
        relation=np.where(pair, facts.relation ^ 1, facts.relation),
    )
