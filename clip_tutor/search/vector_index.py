"""Vectors in, rows out: exact search where they are few, inverted lists where they are many.

query ─┬─ few rows, or a filter ──▶ exact
       └─ many rows ─▶ inverted lists ─┬─▶ the k best
          rows added since ─▶ exact ───┘
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from clip_tutor.search.exact import Found, Mask, Vectors, exact_search
from clip_tutor.search.inverted_lists import InvertedLists
from clip_tutor.search.store import FileFacts, Store
from clip_tutor.search.tuning import Tuning, tune

EXACT_UP_TO = 20_000  # rows: so many are compared in some ten milliseconds
LISTS = "lists.faiss"


class Rows(Protocol):
    """What is searched: rows in memory, or a `Store`."""

    @property
    def vectors(self) -> Vectors:
        """(N, E)."""
        ...

    @property
    def alive(self) -> Mask:
        """(N,): the rows that were not removed."""
        ...

    @property
    def files(self) -> FileFacts:
        """(N,) of `FILE_FACTS`."""
        ...

    def name(self, row: int) -> str:
        """Return the name of a row."""
        ...


class VectorIndex:
    """Search over rows; with lists, if the store holds some.

    Raises:
        ValueError: the lists are damaged; the message says what to do.
    """

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.lists: InvertedLists | None = None
        self.tuning: Tuning | None = None
        if isinstance(rows, Store) and "tuning" in rows.manifest:
            self._open_lists(rows)

    def search(self, queries: NDArray[np.float32], k: int, allowed: Mask | None = None) -> Found:
        """Return the scores and rows of the ``k`` best, (Q, k) each, of (Q, E) queries; fewer where there are fewer.

        Args:
            allowed: (N,) which rows may be found, for a filter; such a search is exact.
        """
        vectors, alive = self.rows.vectors, self.rows.alive
        whole = bool(alive.all())
        if self.lists is None or self.tuning is None or allowed is not None:
            mask = alive if allowed is None else alive & allowed
            return exact_search(vectors, queries, k, None if whole and allowed is None else mask)
        L, tuning = len(self.lists), self.tuning
        candidates = max(tuning.candidates, 4 * k)
        scores, rows = self.lists.search(vectors, queries, k, tuning.probes, candidates, None if whole else alive)
        if len(vectors) > L:
            late_scores, late_rows = exact_search(vectors[L:], queries, k, None if whole else alive[L:])
            scores, rows = np.concatenate([scores, late_scores], 1), np.concatenate([rows, late_rows + L], 1)
            order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
            scores, rows = np.take_along_axis(scores, order, 1), np.take_along_axis(rows, order, 1)
        if len(queries) == 1 and (rows < 0).any():  # a caller of one query need not know of missing ones
            scores, rows = scores[:, rows[0] >= 0], rows[:, rows[0] >= 0]
        return scores, rows

    @property
    def wants_lists(self) -> bool:
        """Whether there are so many rows outside the lists that new ones would pay."""
        N = len(self.rows.vectors)
        inside = len(self.lists) if self.lists else 0
        return N - inside > max(EXACT_UP_TO, inside // 10)

    def build_lists(self, text_queries: NDArray[np.float32], source: str) -> Tuning:
        """Build lists over all rows, tune them on text queries, and keep both in the store.

        Args:
            text_queries: (Q, E), of unit length.
            source: what they are, in words.

        Raises:
            TypeError: the rows are in memory only.
            ValueError: there are fewer than two queries.
            OSError: the lists could not be written.
        """
        if not isinstance(self.rows, Store):
            raise TypeError("rows in memory are searched exactly: save the index to a folder first")
        store = self.rows
        lists = InvertedLists.build(store.vectors)
        tuning = tune(lists, store.vectors, text_queries, source, None if store.alive.all() else store.alive)
        lists.save(store.path / LISTS)
        store.manifest["tuning"] = tuning.as_json()
        store.write_manifest()
        self._open_lists(store)
        return tuning

    def _open_lists(self, store: Store) -> None:
        path: Path = store.path / LISTS
        try:
            self.tuning, self.lists = Tuning(**store.manifest["tuning"]), InvertedLists.open(path)
            if len(self.lists) > len(store):
                raise ValueError(f"{path} holds {len(self.lists)} rows, and the index {len(store)}")
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"the inverted lists of {store.path} are damaged: {error}. Delete {path.name} and the entry "
                "tuning in manifest.json: searches are then exact, until lists are built again"
            ) from error
