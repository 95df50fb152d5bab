"""Hits in groups: the same image is found once, and its copies are named below it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clip_tutor.search.answer import Hit
from clip_tutor.search.exact import Mask
from clip_tutor.search.query import Vector
from clip_tutor.search.vector_index import VectorIndex

SAME = 0.9999  # the cosine from which two vectors are of one image: rounding aside, they are equal
FETCHED = 8  # hits more than asked for, at first: copies stand beside each other


def best_hits(
    index: VectorIndex, query: Vector, k: int, allowed: Mask | None, group_from: float, seen: Vector | None
) -> list[Hit]:
    """Return the best ``k`` groups of hits, each as its best one with the names of the others.

    Args:
        query: (E,).
        allowed: (N,) the rows that may be found; None: all.
        group_from: the cosine from which two hits are one image; 1: files of the same content; above: never.
        seen: (E,) of the image that is searched with, to mark it where it is found.
    """
    fetched, rows_of = k + FETCHED, index.rows
    while True:
        scores, rows = (found[0] for found in index.search(query[None], fetched, allowed))  # (F,)
        vectors = np.asarray(rows_of.vectors[rows], np.float32)  # (F, E)
        first = first_of_each_group(vectors, rows_of.files["digest"][rows], group_from)  # (F,)
        kept = np.flatnonzero(first == np.arange(len(rows)))[:k].tolist()
        if len(kept) == k or len(rows) < fetched:
            break
        fetched *= 4
    itself = np.zeros(len(rows), bool)  # (F,)
    if seen is not None:  # stored in half precision, a vector's length is 1 only to three digits
        itself = vectors @ seen >= SAME * np.linalg.norm(vectors, axis=1) * np.linalg.norm(seen)
    names = [rows_of.name(row) for row in rows.tolist()]
    copies = {n: tuple(names[m] for m in np.flatnonzero(first == n).tolist() if m != n) for n in kept}
    return [Hit(names[n], float(scores[n]), int(rows[n]), is_query=bool(itself[n]), copies=copies[n]) for n in kept]


def first_of_each_group(
    vectors: NDArray[np.float32], digests: NDArray[np.uint64], group_from: float
) -> NDArray[np.int64]:
    """Return (F,): for each hit the place of the best hit that shows the same image, often its own.

    Args:
        vectors: (F, E), the best hit first.
        digests: (F,) of the files' contents, 0 where there is no file.
    """
    F = len(vectors)
    first = np.arange(F)
    if group_from > 1:
        return first
    same = (digests[:, None] == digests) & (digests != 0)  # (F, F)
    if group_from < 1:
        same |= vectors @ vectors.T >= group_from
    np.fill_diagonal(same, True)
    for n in range(F):
        leaders = np.flatnonzero(same[n, : n + 1] & (first[: n + 1] == np.arange(n + 1)))
        first[n] = leaders[0] if len(leaders) else n
    return first
