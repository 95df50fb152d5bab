"""Training batches in which what a model knows already decides nothing, and captions that grow harder.

Drawn evenly from 1,870 objects and 12 backgrounds, the scenes of a batch are told apart by color and number alone, and
a model that knows those two has little left to learn. So a share of the batches are hard ones:

    two_backgrounds   all scenes of the batch stand on one of two
    neighbors         objects come from a few stretches of Unicode's order, where look-alikes stand side by side
    twins             row i + B/2 repeats row i with one fact changed      pair     a left of b → a right of b
                                                                           several  another number
                                                                           one      a neighbor, or another size

"a left of b" and "b right of a" tell the same fact. Neither the order of the nouns nor the word "left" tells anything
alone, only both together: an exclusive or, which gives a gradient no first step. `Wordings` gives it one: relations are
told with "left of" and "above" only at first; "right of" and "below" come in later.

Sources: Robinson et al. 2021, "Contrastive Learning with Hard Negative Samples"; Bengio et al. 2009, "Curriculum
Learning"; Yuksekgonul et al. 2023, "When and Why Vision-Language Models Behave like Bags-of-Words", whose hard
negatives are captions with words swapped and images that are near each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clip_tutor.data.random_numbers import counter_rng, pick

if TYPE_CHECKING:
    from clip_tutor.data.scenes import Scenes

Part = Literal["two_backgrounds", "neighbors", "twins"]
STRETCHES, STRETCH = 8, 20  # a hard batch draws its objects from so many stretches of so many objects
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


def is_hard(scenes: Scenes, k: int) -> bool:
    """Return whether training batch ``k`` is one of the hard ones."""
    return bool(scenes.hard) and counter_rng(scenes.seed, np.array([k + _OF_BATCH]), 1)[0, 0] < scenes.hard_share


def hard_facts(scenes: Scenes, facts: Facts, k: int) -> Facts:
    """Return the facts of training batch ``k``: those given, drawn evenly, or in some batches hard ones.

    It is a function of the seed and ``k`` alone, and no withheld pair occurs in it.
    """
    if not is_hard(scenes, k):
        return facts
    batch = counter_rng(scenes.seed, np.array([k + _OF_BATCH]), 3 + STRETCHES)[
        0
    ]  # of which `is_hard` has used the first
    parts, B, n = scenes.hard, len(facts.kind), len(scenes.objects)
    couples = (B + 1) // 2 if "twins" in parts else B
    u = counter_rng(scenes.seed, np.arange(couples) + k * B + _OF_COUPLES, 10).T  # (10, couples)
    facts = Facts._make(column[:couples] for column in facts)
    if "neighbors" in parts:
        starts = (batch[3:] * n).astype(np.int64)
        first, second = ((starts[_whole(u[i], STRETCHES)] + _whole(u[i + 1], STRETCH)) % n for i in (0, 2))
        facts = facts._replace(first=first, second=(second + (second == first)) % n)
        facts = facts._replace(relation=pick(scenes.permitted_sides(facts.first, facts.second), u[4]))
    if "twins" in parts:
        facts = _that_can_be_mirrored(scenes, facts, u[4])
    twins = _with_one_fact_changed(facts, n, u[5:8])
    colors = scenes.permitted_colors(facts)  # (couples, 12)
    if "twins" in parts:
        colors &= scenes.permitted_colors(twins)
    if "two_backgrounds" in parts:
        one = int(batch[1] * colors.shape[1])
        other = (one + 1 + int(batch[2] * (colors.shape[1] - 1))) % colors.shape[1]
        of_two = colors & np.isin(np.arange(colors.shape[1]), (one, other))
        colors = np.where(of_two.any(axis=1, keepdims=True), of_two, colors)  # where neither is permitted, any other
    background = pick(colors, u[8])
    facts, twins = facts._replace(background=background), twins._replace(background=background)
    if "twins" not in parts:
        return facts
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
