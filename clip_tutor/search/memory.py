"""The rows of an index that lies in memory: what `clip_tutor.search.store.Store` is on the disk."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from clip_tutor.search.exact import Mask, Vectors
from clip_tutor.search.store import FILE_FACTS, FileFacts


class MemoryRows:
    """Rows that grow. A batch counts as a whole or not at all, even if Ctrl-C comes between."""

    def __init__(self, embed_dim: int) -> None:
        self._room = np.empty((0, embed_dim), np.float32)  # more than there are rows: copying each time takes hours
        self._names: list[str] = []
        self.files: FileFacts = np.empty(0, FILE_FACTS)
        self._removed: list[int] = []

    def __len__(self) -> int:
        return len(self._names)

    @property
    def vectors(self) -> NDArray[np.float32]:
        """(N, E) float32: a view, not a copy."""
        return self._room[: len(self)]

    @property
    def alive(self) -> Mask:
        """(N,): the rows that were not removed."""
        alive = np.ones(len(self), bool)
        alive[self._removed] = False
        return alive

    def name(self, row: int) -> str:
        """Return the name of a row."""
        return self._names[row]

    def names(self) -> list[str]:
        """Return the names of all rows."""
        return list(self._names)

    def append(self, vectors: Vectors, names: Sequence[str], files: FileFacts | None = None) -> None:
        """Add (B, E) rows. They count from the moment their names are there."""
        start, end = len(self), len(self) + len(names)
        if end > len(self._room):
            room = np.empty((max(end, 2 * start), self._room.shape[1]), np.float32)
            room[:start] = self.vectors
            self._room = room
        self._room[start:end] = vectors
        self.files = np.concatenate([self.files[:start], np.zeros(len(names), FILE_FACTS) if files is None else files])
        self._names.extend(names)

    def remove(self, rows: Sequence[int]) -> None:
        """Take rows out; their numbers are not used again."""
        self._removed.extend(int(row) for row in rows)
