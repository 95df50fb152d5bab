"""The fast way to train: pairs are counted once, and their counts are kept up to date.

    merge (t, h):  … a t h e</w> × 3 …   ──▶  − (a, t) − (t, h) − (h, e</w>)   + (a, th) + (th, e</w>)

A merge changes only the words that hold its pair, so only these are counted again. The plain way
(`bpe.train_bpe`) counts every word anew before each merge: fine for a page, hours for a long list. The test
``test_merges_equal_a_naive_recount`` holds the two equal.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise

from clip_tutor.tokenizers.bpe import Pair, count_pairs, merge_pair, spell


def train_bpe_incrementally(captions: Iterable[str], count: int) -> list[Pair]:
    """Return what ``bpe.train_bpe`` returns, sooner.

    Raises:
        TypeError: ``captions`` is one text, or a caption is not a string.
    """
    spelled = spell(captions)
    pairs = count_pairs(spelled)
    words = [list(symbols) for symbols in spelled]
    times = list(spelled.values())
    found_in: defaultdict[Pair, set[int]] = defaultdict(set)  # places in `words`
    for place, symbols in enumerate(words):
        for pair in pairwise(symbols):
            found_in[pair].add(place)
    merges: list[Pair] = []
    while len(merges) < count and pairs:
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        if pairs[best] < 2:
            break
        merges.append(best)
        for place in found_in.pop(best):
            _subtract(pairs, words[place], times[place])
            words[place] = merge_pair(words[place], best)
            for pair in pairwise(words[place]):
                pairs[pair] += times[place]
                found_in[pair].add(place)
    return merges


def _subtract(pairs: Counter[Pair], symbols: list[str], times: int) -> None:
    """Take the pairs of a word out of the count, and forget those that are nowhere any more."""
    for pair in pairwise(symbols):
        pairs[pair] -= times
        if not pairs[pair]:
            del pairs[pair]
