"""An index is copied to a folder: written beside it first, then put in the place of what was there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clip_tutor.search.memory import MemoryRows
from clip_tutor.search.store import MANIFEST, Store

AT_ONCE = 16_384  # rows that are copied together


def save_rows(path: str | Path, rows: MemoryRows | Store, model: str, columns: Mapping[str, NDArray[Any]]) -> Store:
    """Write the rows that were not removed to a folder, and return them as they lie there.

    Args:
        model: the fingerprint.
        columns: (N,) values by name, the removed rows' among them.

    Raises:
        FileExistsError: there is something else than an index.
        OSError: it could not be written; what was there is untouched.
    """
    path = Path(path).expanduser()
    if isinstance(rows, Store) and path.exists() and path.resolve() == rows.path.resolve():
        return rows
    if path.is_dir() and any(path.iterdir()) and not (path / MANIFEST).is_file():
        raise FileExistsError(f"{path} is a folder that holds something else than an index: give a new one")
    draft, before = (path.with_name(f".{path.name}.{os.getpid()}.{word}") for word in ("draft", "before"))
    try:
        store = Store.create(draft, model, rows.vectors.shape[1])
        alive = np.flatnonzero(rows.alive)
        for start in range(0, len(alive), AT_ONCE):
            some = alive[start : start + AT_ONCE]
            store.append(rows.vectors[some], [rows.name(row) for row in some.tolist()], rows.files[some])
        for name, column in columns.items():
            store.write_column(name, column[alive])
        if path.exists():
            path.rename(before)
        draft.rename(path)
    finally:
        for left in (draft, before):
            shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
    return Store.open(path)
