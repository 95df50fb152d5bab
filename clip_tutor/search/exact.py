"""Exact search: every vector is compared with the query, and the largest dot products win.

    scores = vectors @ query;  rows = scores.argsort()[::-1][:k]            that is all of it

for a million vectors without a million scores in memory at a time:

    vectors (N, E), on the disk ─ 32,768 rows at a time ─ @ queries ─▶ the k largest so far
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CHUNK = 32_768  # rows that are brought to float32 together: 64 MB where E is 512

Vectors = NDArray[np.float16] | NDArray[np.float32]  # (N, E), of unit length; on the disk float16
Mask = NDArray[np.bool_]
Found = tuple[NDArray[np.float32], NDArray[np.int64]]  # (Q, k) scores, the largest first, and the rows they belong to


def exact_search(vectors: Vectors, queries: NDArray[np.float32], k: int, allowed: Mask | None = None) -> Found:
    """Return for each of Q queries the ``k`` largest dot products and their rows; fewer where there are fewer rows.

    A vector that is not of numbers comes last. Of equal scores, the lower row comes first.

    Args:
        vectors: (N, E), float16 or float32, in memory or mapped from a file.
        queries: (Q, E).
        allowed: (N,) which rows may be found; None: all.
    """
    best = np.empty((len(queries), 0), np.float32), np.empty((len(queries), 0), np.int64)
    for start in range(0, len(vectors), CHUNK):
        rows = np.arange(start, min(start + CHUNK, len(vectors)))
        if allowed is not None:
            rows = rows[allowed[rows]]
            if not len(rows):
                continue
        best = _merged(best, scores_of(vectors, rows, queries), rows, k)
    return best


def scores_of(vectors: Vectors, rows: NDArray[np.int64], queries: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (Q, R): the dot product of each query with each of R rows; -inf where that is not a number."""
    whole = len(rows) and rows[-1] - rows[0] + 1 == len(rows)  # neighbors are read without being copied first
    some = vectors[rows[0] : rows[-1] + 1] if whole else vectors[rows]  # (R, E)
    with np.errstate(invalid="ignore"):  # a vector of NaN
        scores = queries @ some.astype(np.float32, copy=False).T  # (Q, R)
    return np.where(np.isfinite(scores), scores, np.float32(-np.inf))


def _merged(best: Found, scores: NDArray[np.float32], rows: NDArray[np.int64], k: int) -> Found:
    """Return the k best of those so far and of (Q, R) further scores."""
    if len(rows) > k:  # most need no sorting
        few = np.sort(np.argpartition(-scores, k - 1, axis=1)[:, :k], axis=1)  # (Q, k)
        scores, new_rows = np.take_along_axis(scores, few, 1), rows[few]
    else:
        new_rows = np.broadcast_to(rows, scores.shape)
    scores = np.concatenate([best[0], scores], axis=1)
    all_rows = np.concatenate([best[1], new_rows], axis=1)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, order, 1), np.take_along_axis(all_rows, order, 1)
