"""What the notebook counts words in, and what it balances: texts and pairs that lie in the kit, or are drawn from it.

encyclopaedia     the emoji's names and keywords, and captions in which each emoji comes as often as any other
list_queries      words and bigrams that stand in it, and names ──▶ the queries
long_tail         pairs as a web would have them: few things most of the time, most things hardly ever
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from clip_tutor.data.curation.counting import count_words
from clip_tutor.data.curation.pmi import bigrams_by_pmi
from clip_tutor.data.curation.query_list import QueryList, Thresholds, build_query_list
from clip_tutor.data.emoji import FIRST_WORDS, Emoji, find_emoji, load_emoji
from clip_tutor.data.scenes import Plan, Scenes

BIGRAM_PMI, BIGRAM_COUNT = 6.0, 5  # what so small a corpus can ask for
THRESHOLDS = Thresholds(word_count=3, bigram_pmi=BIGRAM_PMI)
CAPTIONS = 20_000  # of the encyclopaedia
PIXELS = 32  # H = W
THINGS = 48  # that the pairs show
HEAD, MIDDLE, TAIL = slice(0, 6), slice(6, 18), slice(18, THINGS)  # the six most frequent things, twelve, and the rest


class Pairs(NamedTuple):
    """B images with captions, and the truth about them, which a curator does not have."""

    pixels: Tensor  # (B, 3, H, W) uint8
    captions: list[str]
    ranks: NDArray[np.int64]  # (B,) of the thing in the image: 0 is the most frequent one
    backgrounds: NDArray[np.int64]  # (B,) into `drawing.BACKGROUNDS`


@lru_cache(maxsize=1)
def encyclopaedia() -> tuple[str, ...]:
    """Return the lines of a small corpus of real words: names, keywords, plurals and captions of all emoji, evenly."""
    emoji = load_emoji()
    entries = [f"{one.name}: {', '.join(one.keywords)}; {one.noun.plural}." for one in emoji]
    return (*entries, *(f"{scene.caption}." for scene in Scenes(emoji, seed=16).scenes(range(CAPTIONS))))


@lru_cache(maxsize=1)
def synsets() -> tuple[str, ...]:
    """Return what all emoji are called: they play the part of WordNet's synsets."""
    return tuple(noun.singular for one in load_emoji() for noun in (one.noun, *one.synonyms))


def list_queries(corpus: Iterable[str]) -> QueryList:
    """Return the queries that a corpus and the emoji's names give, with thresholds for a small corpus."""
    words, bigrams = count_words(corpus)
    strong = bigrams_by_pmi(words, bigrams, BIGRAM_PMI, BIGRAM_COUNT)
    return build_query_list(words.items(), strong, synsets=synsets(), thresholds=THRESHOLDS)


def things(seed: int) -> tuple[Emoji, ...]:
    """Return the 48 things that the pairs show, the most frequent one first: another seed, another order."""
    some = find_emoji(FIRST_WORDS)[:THINGS]
    return tuple(some[n] for n in np.random.default_rng(seed).permutation(THINGS))


def long_tail(pairs: int, seed: int) -> Pairs:
    """Return pairs of which the thing of rank r comes 1/r as often as that of rank 1, by Zipf's law.

    Captions name the thing, how many there are, or that it is huge, and leave out the background.
    """
    shares = 1 / np.arange(1, THINGS + 1)
    ranks = np.random.default_rng([seed, 1]).choice(THINGS, pairs, p=shares / shares.sum())
    return _drawn(Scenes(things(seed), "train", PIXELS, seed, kinds=("one", "several")), ranks)


def unseen(each: int, seed: int) -> Pairs:
    """Return as many new images of each thing."""
    return _drawn(Scenes(things(seed), "test", PIXELS, seed, kinds=("one",)), np.repeat(np.arange(THINGS), each))


def _drawn(scenes: Scenes, ranks: NDArray[np.int64]) -> Pairs:
    """Return scenes in which the things are given and none is tiny; all else is as the scenes have it."""
    plan = scenes.plan(range(2 * len(ranks)))
    is_tiny = (plan.kind == 0) & (plan.size == 0)  # at 32 pixels, one could not tell what it is
    plan = Plan(*(column[~is_tiny][: len(ranks)] for column in plan))
    wording = plan.wording * np.array([1, 1, 1, 1, 1, 0.3])  # the last number decides whether the color is told
    plan = plan._replace(objects=np.stack([ranks, plan.objects[:, 1]], axis=1), wording=wording)
    batch = scenes.show(plan, range(len(ranks)))
    return Pairs(batch.pixels, batch.captions, ranks, plan.background)
