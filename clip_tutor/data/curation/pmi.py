"""Pointwise mutual information: do two words follow each other more often than chance would have them?

    PMI(a, b) = log2  P(a b) / (P(a) P(b))  ≈  log2  N count(a b) / (count(a) count(b))        N words in the corpus

    0: as often as chance has it · 10: a thousand times as often · log2 N: two words that occur once, side by side

No bigram reaches more than log2 N. So a threshold says little without the size of the corpus, and the highest values
belong to the rarest words, misspelt ones included: to ask for a least number of times helps.

Source: Church and Hanks 1990, "Word Association Norms, Mutual Information, and Lexicography", section 3; counted as in
NLTK, whose N is the number of words, for bigrams as well.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clip_tutor.data.curation.corpus_counts import CorpusCounts
from clip_tutor.data.curation.counting import Bigram

_NEAR = 1e-9  # bits: sums of logarithms differ from the logarithm of the whole by less


def pmi(together: int, first: int, second: int, total: int) -> float:
    """Return the pointwise mutual information of two words, in bits.

    Args:
        together: how often the second follows the first.
        first, second: how often each of them occurs.
        total: words in the corpus.

    >>> pmi(together=1, first=1, second=1, total=1024), pmi(together=4, first=64, second=64, total=1024)
    (10.0, 0.0)
    """
    return math.log2(together * total / (first * second))


def bigrams_by_pmi(
    words: Mapping[str, int], bigrams: Mapping[Bigram, int], least_pmi: float, least_count: int = 1
) -> list[tuple[str, float]]:
    """Return bigrams, as "red car", with their PMI: the highest first, and those of one value by the alphabet.

    Args:
        words, bigrams: what `count_words` returns.
        least_pmi: in bits.
        least_count: how often a bigram occurs at least.

    Raises:
        ValueError: no bigram of so small a corpus can reach ``least_pmi``.
    """
    total = sum(words.values())
    _check_reach(least_pmi, total)
    scored = [
        (f"{first} {second}", pmi(count, words[first], words[second], total))
        for (first, second), count in bigrams.items()
        if count >= least_count
    ]
    return sorted((pair for pair in scored if pair[1] >= least_pmi), key=_order)


def best_bigrams(counts: CorpusCounts, least_pmi: float, least_count: int, most: int) -> list[tuple[str, float]]:
    """Return the first ``most`` that `bigrams_by_pmi` would return, of counts on disk.

    All bigrams are scored with arrays, one 64th of them at a time. Only the best are named, and scored again by `pmi`.

    Raises:
        ValueError: no bigram of so small a corpus can reach ``least_pmi``.
    """
    total = counts.total
    _check_reach(least_pmi, total)
    logs = np.log2(counts.word_counts)  # (V,)
    kept: list[NDArray[Any]] = [np.zeros(0), *[np.zeros(0, np.int64)] * 3]  # PMI, first, second, count: (K,) each
    for part in counts.bigrams():
        scores = np.log2(part.counts) + math.log2(total) - logs[part.first] - logs[part.second]  # (K,)
        good = (scores >= least_pmi - _NEAR) & (part.counts >= least_count)
        new = [scores[good], part.first[good], part.second[good], part.counts[good]]
        kept = [np.concatenate(pair) for pair in zip(kept, new, strict=True)]
        if len(kept[0]) > 4 * most:
            kept = _highest(kept, most)
    named = []
    for first, second, count in zip(*(column.tolist() for column in _highest(kept, most)[1:]), strict=True):
        score = pmi(count, int(counts.word_counts[first]), int(counts.word_counts[second]), total)
        if score >= least_pmi:
            named.append((f"{counts.words[first]} {counts.words[second]}", score))
    return sorted(named, key=_order)[:most]


def _highest(kept: list[NDArray[Any]], most: int) -> list[NDArray[Any]]:
    """Return the ``most`` highest and all that are level with the last of them: the alphabet decides among those."""
    if len(kept[0]) <= most:
        return kept
    least = np.partition(kept[0], -most)[-most]
    return [column[kept[0] >= least - _NEAR] for column in kept]


def _order(scored: tuple[str, float]) -> tuple[float, str]:
    return -scored[1], scored[0]


def _check_reach(least_pmi: float, total: int) -> None:
    if total and least_pmi > math.log2(total):
        raise ValueError(
            f"no bigram of {total:,} words can reach a PMI of {least_pmi:g} bits: two words that occur once, side by "
            f"side, have {math.log2(total):.1f}. Ask for less, or take a larger corpus"
        )
