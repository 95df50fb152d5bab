"""How many lists to probe: as few as find what exact search finds, for TEXT queries.

    text queries ─┬─ half ─▶ try 1, 2, 4 … probes until recall@10 reaches 0.995 ─▶ probes, candidates
                  └─ the other half ─▶ recall@10 that the index then says of itself

Captions lie elsewhere in the space than images (the modality gap, Liang et al. 2022), at a distance from all centers:
the lists nearest to a caption say less about where its images are. Probes that are enough for image queries miss much
of what a caption is after (``test_text_queries_need_more_probes_than_image_queries``).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clip_tutor.search.exact import Mask, Vectors, exact_search
from clip_tutor.search.inverted_lists import InvertedLists

K = 10
TARGET = 0.995  # on the half that is tuned on: the other half is then rarely below 0.99
CANDIDATES = 4 * K  # scored again for each query, at least; `InvertedLists.search`
MOST_QUERIES = 1000  # that are used: exact search answers them, too
ROUNDING = 1e-6  # by how much a dot product of float32 depends on the order in which it is added up


@dataclass(frozen=True)
class Tuning:
    """What an index with inverted lists knows of itself."""

    lists: int
    probes: int
    candidates: int
    recall_at_10: float  # of text queries that were not tuned on
    queries: int  # how many they were
    source: str  # where the queries come from

    def as_json(self) -> dict[str, Any]:
        """Return the fields as JSON holds them."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"{self.probes} of {self.lists} lists are read for a query: recall@10 is {self.recall_at_10:.3f} on "
            f"{self.queries} text queries that were not tuned on ({self.source})"
        )


def recall_at_k(vectors: Vectors, queries: NDArray[np.float32], rows: NDArray[np.int64], tenth: NDArray[Any]) -> float:
    """Return the share of hits whose exact score reaches that of the k-th hit of exact search.

    Args:
        vectors: (N, E); queries: (Q, E).
        rows: (Q, k) that were found, -1 where none was.
        tenth: (Q,) the k-th best exact score of each query.
    """
    reached = 0
    for query, found, least in zip(queries, rows, tenth, strict=True):
        scores = vectors[found[found >= 0]].astype(np.float32) @ query
        reached += int((scores >= least - ROUNDING).sum())
    return reached / rows.size


def tune(
    lists: InvertedLists,
    vectors: Vectors,
    text_queries: NDArray[np.float32],
    source: str,
    allowed: Mask | None = None,
) -> Tuning:
    """Return the fewest probes that reach the target on half of the text queries, and the recall on the other half.

    Args:
        vectors: (N, E), all in the lists.
        text_queries: (Q, E), of unit length.
        source: what the queries are, in words.
        allowed: (N,) the rows that are searched.

    Raises:
        ValueError: there are fewer than two queries.
    """
    if len(text_queries) < 2:
        raise ValueError(f"{len(text_queries)} text queries are too few to tune on one half and measure on the other")
    queries = np.ascontiguousarray(text_queries[:MOST_QUERIES], np.float32)
    k = min(K, len(vectors))
    tenth = exact_search(vectors, queries, k, allowed)[0][:, -1]  # (Q,)
    halves = slice(0, None, 2), slice(1, None, 2)

    def recall(half: slice, probes: int, candidates: int) -> float:
        rows = lists.search(vectors, queries[half], k, probes, candidates, allowed)[1]
        return recall_at_k(vectors, queries[half], rows, tenth[half])

    probes, candidates = 1, CANDIDATES
    while (reached := recall(halves[0], probes, candidates)) < TARGET and probes < lists.count:
        probes = min(2 * probes, lists.count)
    if reached < TARGET:  # every list was read: the codes blur too much
        candidates *= 4
    low = probes // 2
    while probes - low > max(1, probes // 16):  # between the last that was too few and the first that was enough
        middle = (low + probes) // 2
        low, probes = (low, middle) if recall(halves[0], middle, candidates) >= TARGET else (middle, probes)
    return Tuning(
        lists.count, probes, candidates, recall(halves[1], probes, candidates), len(queries[halves[1]]), source
    )
