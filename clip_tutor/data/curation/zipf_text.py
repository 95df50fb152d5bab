"""Text whose statistics are known: words as frequent as in real text, more and more of them, and planted bigrams.

    rank of a word   1 … 10,000       its frequency falls as 1 / rank: Zipf's law
                     beyond           as 1 / rank^1.8, without end: the vocabulary grows with the text

A planted bigram is two words that occur nowhere else: it occurs c times among N words, and its PMI is log2(N / c).
The other words follow each other by chance, and their PMI is near 0.

Source: Ferrer i Cancho and Solé 2001, "Two Regimes in the Frequency of Words".
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

BEND = 10_000  # the rank where the steeper law begins
STEEP = 1.8  # its exponent
LARGEST = 1 << 40  # rank; planted words have the ranks above it
BLOCK = 1 << 18  # words that are drawn together
PLANTED_SHARE = 0.02  # of the places, where a bigram is planted

_SYLLABLES = [consonant + vowel for consonant in "bdfghjklmnprstvwz" for vowel in "aeiou"]
_SPELLED = 1 << 19  # words that are spelled beforehand


def zipf_ranks(uniform: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return a word's rank, from 1, for each number in [0, 1): the inverse of the two laws' cumulative frequency."""
    head = np.log(BEND)  # ∫ 1/x from 1 to BEND; beyond, ∫ BEND^(s − 1) / x^s is 1 / (s − 1)
    area = uniform * (head + 1 / (STEEP - 1))
    left = np.maximum((1 - uniform) * (head * (STEEP - 1) + 1), 1e-300)  # 1 at BEND, 0 at the end
    beyond = BEND * left ** (-1 / (STEEP - 1))
    return np.minimum(np.where(area < head, np.exp(np.minimum(area, head)), beyond), LARGEST).astype(np.int64)


def spell(rank: int) -> str:
    """Return the word of a rank: two syllables at least, and more the rarer it is.

    >>> spell(1), spell(2), spell(10_000)
    ('baba', 'beba', 'pukiba')
    """
    number, syllables = rank + len(_SYLLABLES), []
    while number:
        number, digit = divmod(number - 1, len(_SYLLABLES))
        syllables.append(_SYLLABLES[digit])
    return "".join(syllables)


def planted_bigram(number: int) -> str:
    """Return planted bigram ``number``, from 0."""
    return f"{spell(LARGEST + 1 + 2 * number)} {spell(LARGEST + 2 + 2 * number)}"


def zipf_lines(words: int, seed: int, longest: int = 40, planted: int = 0) -> Iterator[str]:
    """Yield lines of 4 to ``longest`` words, with some commas and a full stop, of about ``words`` words altogether.

    Args:
        seed: another seed, another text in the same words.
        longest: 40 is like a sentence of an encyclopaedia, 16 like a caption.
        planted: how many different bigrams are planted, those with low numbers more often; 0: none.
    """
    random = np.random.default_rng(seed)
    for start in range(0, words, BLOCK):
        count = min(BLOCK, words - start)
        block = _words(zipf_ranks(random.random(count)))
        if planted:
            places = np.flatnonzero(random.random(count) < PLANTED_SHARE)
            numbers = (zipf_ranks(random.random(len(places))) - 1) % planted
            block[places] = [planted_bigram(number) for number in numbers.tolist()]
        commas = np.flatnonzero(random.random(count) < 0.05)
        block[commas] += ","
        lengths = random.integers(4, longest + 1, size=count // 4 + 1)
        ends = np.minimum(lengths.cumsum(), count)
        text = block.tolist()
        for begin, end in pairwise([0, *ends.tolist()]):
            if begin < end:
                yield " ".join(text[begin:end]) + "."


def _words(ranks: NDArray[np.int64]) -> NDArray[Any]:
    """Return the word of each rank, as an array of Python's strings."""
    table = _table()
    words = table[np.minimum(ranks, len(table) - 1)]
    rare = np.flatnonzero(ranks >= len(table))
    words[rare] = [spell(rank) for rank in ranks[rare].tolist()]
    return words


@cache
def _table() -> NDArray[Any]:
    return np.array([spell(rank) for rank in range(_SPELLED)], dtype=object)
