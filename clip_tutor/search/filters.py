"""Filters: which rows may be found at all. What passes keeps its score: a filter never makes an image more relevant.

where={"folder": "2023/Italy"}            in this folder or below, wherever it lies
where={"date": "2023-07"}                 taken in July 2023
where={"date": ("2023-06", "2023-08-15")} from the first of June to the fifteenth of August
where={"rating": 5}                       a column of your own: index.set_column("rating", ratings)
where={"rating": lambda rating: rating > 3}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clip_tutor.search.exact import Mask

Where = Mapping[str, Any]


def allowed_rows(where: Where, columns: Mapping[str, NDArray[Any]]) -> Mask:
    """Return (N,): the rows that pass every condition.

    Args:
        columns: (N,) each, by name.

    Raises:
        KeyError: there is no such column.
        TypeError, ValueError: a condition makes no sense for its column.
    """
    if not isinstance(where, Mapping) or not where:
        raise TypeError(f'a filter is a dictionary, such as {{"folder": "2023/Italy"}}, not {where!r:.60}')
    mask: Mask | None = None
    for name, wanted in where.items():
        if name not in columns:
            raise KeyError(f"the index has no column {name!r} to filter by: it has {', '.join(columns)}")
        passes = _passes(name, columns[name], wanted)
        mask = passes if mask is None else mask & passes
    assert mask is not None
    return mask


def _passes(name: str, values: NDArray[Any], wanted: Any) -> Mask:
    if callable(wanted):
        passes = np.asarray(wanted(values))
        if passes.dtype != bool or passes.shape != values.shape:
            raise ValueError(
                f"the filter of {name!r} must return True or False for each of {len(values)} rows, and returned "
                f"{passes.dtype} of shape {passes.shape}: it is given the whole column as an array"
            )
        return passes
    if name == "folder":
        return in_folder(values, wanted)
    if name == "date":
        return in_dates(values, wanted)
    return np.asarray(values == wanted) & np.ones(len(values), bool)


def in_folder(folders: NDArray[Any], wanted: str) -> Mask:
    """Return which folders are the wanted one, or lie below it; the wanted one may be the end of a path."""
    if not isinstance(wanted, str) or not wanted.strip("/\\ "):
        raise TypeError(f'a folder is given by its name or the end of its path, such as "2023/Italy", not {wanted!r}')
    inner = "/" + wanted.replace("\\", "/").strip("/") + "/"
    return np.array([inner in f"/{folder}/".replace("\\", "/") for folder in folders], bool)


def in_dates(days: NDArray[Any], wanted: str | Sequence[str]) -> Mask:
    """Return which days, datetime64[D], lie in a year, month or day, or between two of them, both included."""
    try:
        first, last = (wanted, wanted) if isinstance(wanted, str) else tuple(wanted)
        start = np.datetime64(first, "D")
        one: Any = {4: np.timedelta64(1, "Y"), 7: np.timedelta64(1, "M"), 10: np.timedelta64(1, "D")}[len(last)]
        end = np.datetime64(np.datetime64(last) + one, "D")  # the first day after
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f'a date is "2023", "2023-07" or "2023-07-14", or two of these for from and to, not {wanted!r}'
        ) from error
    return (days >= start) & (days < end)
