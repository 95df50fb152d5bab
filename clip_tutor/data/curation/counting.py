"""How often each word and each bigram stands in a corpus: the plain way, in memory.

    "the red car. a red car"  ──▶  words    the 1 · red 2 · car 2 · a 1
                                   bigrams  the red 1 · red car 2 · a red 1        none across the full stop

`counting_on_disk` counts the same for corpora whose bigrams do not fit into memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

from clip_tutor.data.curation.text import MARKS, split_text

Bigram = tuple[str, str]


def count_words(lines: Iterable[str]) -> tuple[Counter[str], Counter[Bigram]]:
    """Return how often each word stands in some lines, and each bigram: two words that follow each other.

    A bigram lies within one line, and no punctuation mark stands between its words.

    Args:
        lines: any iterable; a generator is read once.
    """
    words: Counter[str] = Counter()
    bigrams: Counter[Bigram] = Counter()
    for line in lines:
        parts = split_text(line)
        words.update(part for part in parts if part not in MARKS)
        bigrams.update(pair for pair in pairwise(parts) if pair[0] not in MARKS and pair[1] not in MARKS)
    return words, bigrams
