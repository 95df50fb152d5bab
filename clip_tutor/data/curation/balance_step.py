"""Balancing as a step over shards: the counts of a whole collection decide about each of its pairs.

    shards ─ count_shards ─▶ counts of all queries ─▶ BalanceStep ─ curate_shards ─▶ shards of what stays, a card

Two passes, and both may be interrupted, and dealt out to many processes: see `counted_shards` and `parallel`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clip_tutor.data.curation.automaton import QueryMatcher
from clip_tutor.data.curation.balancing import PAIRS_A_QUERY, BalanceReport, balance, check_t
from clip_tutor.data.curation.filter_report import plain
from clip_tutor.data.curation.web_pair import WebPair

NO_QUERY = "without a query"


class BalanceStep:
    """The step that keeps about t pairs of each query: see `balancing`.

    A pair's random number comes from its key and its caption: the same pairs stay, however the collection is cut into
    shards. (The rows of a table without a column of names have their number for a key, and that belongs to one table.)
    A record with several captions stays if one of them is to stay: P(keep) is the product over all their queries.

    Args:
        matcher: of all queries.
        counts: (Q,) of each query, how many pairs of the whole collection it occurs in: `count_shards`.
        t: about how many pairs of each query stay.
        seed: another seed, another draw.

    Raises:
        ValueError: ``t`` is less than 1, or there are more or fewer counts than queries.
    """

    all_captions = False

    def __init__(self, matcher: QueryMatcher, counts: NDArray[np.int64], t: int = PAIRS_A_QUERY, seed: int = 0) -> None:
        check_t(t)
        if len(counts) != len(matcher.queries):
            raise ValueError(
                f"there are {len(matcher.queries):,} queries and {len(counts):,} counts: take what the same matcher "
                "has counted"
            )
        self._matcher, self._counts, self._t, self._seed = matcher, counts, t, seed
        counted = plain(dict(zip(matcher.queries, counts.tolist(), strict=True)))
        self.settings: dict[str, Any] = {"balance": {"t": t, "seed": seed, "counts": counted}}

    def __call__(self, pairs: Sequence[WebPair], /) -> list[str]:
        """Return "without a query" or "balance" for each pair that is dropped.

        Raises:
            ValueError: a query has the count 0 and occurs: the counts are of other pairs.
        """
        matches = self._matcher.match([pair.caption for pair in pairs])
        names = [f"{pair.key or pair.name}\n{pair.caption}" for pair in pairs]
        stays = balance(names, matches, self._counts, BalanceReport(self._t, self._seed))
        dropped = np.where(matches.counts() == 0, NO_QUERY, "balance")
        return np.where(stays, "", dropped).tolist()
