"""What rows can be filtered by: their folder, the day they were taken, and columns of one's own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clip_tutor.search.memory import MemoryRows
from clip_tutor.search.store import Store


class Columns(Mapping[str, NDArray[Any]]):
    """Columns by name, each (N,) and made or read when it is asked for."""

    def __init__(self, rows: MemoryRows | Store) -> None:
        self._rows = rows
        self._own: dict[str, NDArray[Any]] = {}

    def __getitem__(self, name: str) -> NDArray[Any]:
        rows = self._rows
        if name == "folder":
            return np.array([os.path.dirname(path) for path in rows.names()], object)
        if name == "date":
            return np.asarray(rows.files["taken"].astype("datetime64[s]").astype("datetime64[D]"))
        if name not in self._own and isinstance(rows, Store) and name in rows.column_names():
            self._own[name] = rows.read_column(name)
        column = self._own[name]
        if len(column) != len(rows):
            raise ValueError(f"column {name} has {len(column)} values, and the index {len(rows)} rows: set it anew")
        return column

    def __contains__(self, name: object) -> bool:
        return name in list(self)

    def __iter__(self) -> Iterator[str]:
        stored = self._rows.column_names() if isinstance(self._rows, Store) else []
        return iter(["folder", "date", *sorted({*self._own, *stored})])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def own(self) -> dict[str, NDArray[Any]]:
        """Return the columns that were set."""
        return {name: self[name] for name in self if name not in ("folder", "date")}

    def set(self, name: str, values: NDArray[Any]) -> None:
        """Keep (N,) values under a name; in the store, too, if the rows lie in one.

        Raises:
            ValueError: these are not as many values as rows, or the name is taken.
        """
        if len(values) != len(self._rows):
            raise ValueError(f"{len(values)} values for {len(self._rows)} rows: give one for each of index.names")
        if name in ("folder", "date") or not name.isidentifier():
            raise ValueError(f"a column cannot be called {name!r}: take a word other than folder and date")
        if isinstance(self._rows, Store):
            self._rows.write_column(name, values)
        self._own[name] = values
