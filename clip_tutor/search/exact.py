"""Exact search: every vector is compared with the query, and the largest dot products win.

    scores = vectors @ query;  rows = scores.argsort()[::-1][:k]            that is all of it

for a million vectors without a million scores in memory at a time:

    vectors (N, E), on the disk ─ 2,048 rows at a time, as float32 ─ @ queries ─▶ the k largest so far
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

CHUNK = 2048  # rows that are brought to float32 together: 4 MB where E is 512, which a core's cache holds

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
    for scores, rows in _scores(vectors, queries, allowed):
        if best[0].shape[1] == k:  # few of the later rows are better than all that were found before
            better = (scores > best[0][:, -1:]).any(axis=0)
            scores, rows = scores[:, better], rows[better]
        if len(rows):
            best = _merged(best, scores, rows, k)
    return best


def _scores(vectors: Vectors, queries: NDArray[np.float32], allowed: Mask | None) -> Iterator[Found]:
    """Yield (Q, R) dot products and the R rows they are of; -inf where a product is not a number.

    torch brings float16 to float32 some ten times as fast as numpy, and into the same memory each time.
    """
    asked = torch.tensor(np.ascontiguousarray(queries, np.float32)).T.contiguous()  # (E, Q)
    buffer = torch.empty(min(CHUNK, len(vectors)), vectors.shape[1])
    for start in range(0, len(vectors), CHUNK):
        some, rows = vectors[start : start + CHUNK], np.arange(start, min(start + CHUNK, len(vectors)))
        if allowed is not None:
            passes = allowed[start : start + CHUNK]
            some, rows = some[passes], rows[passes]
        if len(rows):
            part = buffer[: len(rows)].copy_(torch.from_numpy(some))  # (R, E)
            scores = (part @ asked).T.contiguous().numpy()  # (Q, R)
            yield np.where(np.isfinite(scores), scores, np.float32(-np.inf)), rows


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
