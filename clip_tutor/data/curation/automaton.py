"""Which of half a million queries occur in each of many captions: one walk along the text, by Aho and Corasick.

    queries ──▶ a tree of letters; from each node, where to go on when the next letter does not fit
    " my red car \\n a cat \\n"  ──walk──▶  17 · 4 · line end · 17 · 93 · line end  ──▶  [4, 17] [17, 93]

The captions of a batch are one text, and the line end between them is one more query: when it is found, the next
caption begins. So the walk itself says to which caption a query belongs. What is found equals `find_queries`.

Source: Aho and Corasick 1975; the automaton is pyahocorasick's, as MetaCLIP uses it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter

import ahocorasick
import numpy as np
from numpy.typing import NDArray

from clip_tutor.data.curation.corpus_counts import first_of_each
from clip_tutor.data.curation.filter_report import plain
from clip_tutor.data.curation.text import BETWEEN, pad, pad_all
from clip_tutor.tokenizers.cleaning import check_captions

AT_ONCE = 4096  # captions that become one text


@dataclass(frozen=True)
class Matches:
    """Which queries occur in each of B captions, one caption after the other."""

    ends: NDArray[np.int64]  # (B,) where the queries of a caption end; those of the next begin there
    queries: NDArray[np.int32]  # (K,) their numbers; within a caption in rising order, each once

    def __len__(self) -> int:
        return len(self.ends)

    def __iter__(self) -> Iterator[NDArray[np.int32]]:
        """Yield the queries of each caption."""
        return iter(np.split(self.queries, self.ends[:-1]) if len(self) else [])

    def counts(self) -> NDArray[np.int64]:
        """Return (B,): how many queries each caption has."""
        return np.diff(self.ends, prepend=0)


class QueryMatcher:
    """Finds queries in captions. To build one takes seconds and, for 500,000 queries, some hundred megabytes.

    Args:
        queries: query n is called n in what is found.

    Raises:
        TypeError: they are one text, or one of them is no text.
        ValueError: a query is blank, or the same as another once both are in lower case and padded.
    """

    def __init__(self, queries: Sequence[str]) -> None:
        check_captions(queries)
        self.queries = list(queries)
        self.automaton = ahocorasick.Automaton(ahocorasick.STORE_INTS)
        for number, query in enumerate(self.queries):
            padded = pad(query)
            if padded.isspace():
                raise ValueError(f"query {number} is blank ({query!r}), and would be found in every caption")
            if not self.automaton.add_word(padded, number):
                other = next(n for n, one in enumerate(self.queries) if pad(one) == padded)
                raise ValueError(f"queries {other} and {number} match the same ({query!r}): leave one of them out")
        self.automaton.add_word(BETWEEN, len(self.queries))
        self.automaton.make_automaton()

    @cached_property
    def fingerprint(self) -> str:
        """What tells its queries and their numbers from others: "500,000 entries, 1f0c9a3e"."""
        return str(plain({query: number for number, query in enumerate(self.queries)}))

    def match(self, captions: Sequence[str]) -> Matches:
        """Return the queries that occur in each caption.

        Raises:
            TypeError: the captions are one text, or one of them is no text.
        """
        check_captions(captions)
        parts = [self._match(captions[n : n + AT_ONCE]) for n in range(0, len(captions), AT_ONCE)]
        counts = np.concatenate([np.zeros(0, np.int64), *(counts for counts, _ in parts)])
        return Matches(counts.cumsum(), np.concatenate([np.zeros(0, np.int32), *(found for _, found in parts)]))

    def _match(self, captions: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Return (B,) how many queries each caption has, and (K,) the queries themselves."""
        line_end = len(self.queries)
        walk = self.automaton.iter(pad_all(captions))
        found = np.fromiter(map(itemgetter(1), walk), np.int64)
        is_end = found == line_end
        row = is_end.cumsum()[~is_end]  # the caption of each query that was found, some of them twice
        both = np.sort(row * (line_end + 1) + found[~is_end])  # np.unique takes ten times as long
        row, query = np.divmod(both[first_of_each(both)], line_end + 1)  # (K,)
        return np.bincount(row, minlength=len(captions)), query.astype(np.int32)
