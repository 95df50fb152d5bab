"""Filters that need a model, given what the model has computed: scores and vectors as arrays.

    images   ─ a CLIP ─▶ (N, E) ─┬─ semantic_groups ─▶ near-duplicates, one of each is kept
    captions ─ a CLIP ─▶ (N, E) ─┴─ clip_scores ─▶ (N,) ─▶ high_scores or best_scores ─▶ (N,) kept or not

A filter of this kind keeps what its own model understands: LAION-400M's model decides what a model that is trained on
LAION-400M sees. A damaged caption has a low score, and so has a right one about something rare.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from clip_tutor.data.duplicates import groups_of

AT_ONCE = 1024  # rows of a matrix of similarities that are computed together

Vectors = NDArray[np.float32]
Mask = NDArray[np.bool_]


def clip_scores(images: Vectors, captions: Vectors) -> NDArray[np.float32]:
    """Return (N,) cosine similarities of each image and its own caption.

    Args:
        images, captions: (N, E), each of unit length.

    Raises:
        ValueError: their shapes differ, or they are not of unit length.
    """
    if images.shape != captions.shape:
        raise ValueError(
            f"an image and its caption stand in the same row of two arrays, and these are {images.shape} and "
            f"{captions.shape}"
        )
    _require_unit_length(images)
    _require_unit_length(captions)
    return np.einsum("ne,ne->n", images, captions)


def high_scores(scores: NDArray[np.float32], least: float = 0.3) -> Mask:
    """Return (N,): which pairs have a score of at least 0.3.

    The threshold belongs to the model that scores: 0.3 with CLIP's ViT-B/32 is LAION-400M's, and 0.28 what LAION-5B
    took for English. Another model has other scores: look at pairs on both sides before you trust it.

    Source: Schuhmann et al. 2021, "LAION-400M", section 2.
    """
    return scores >= least


def best_scores(scores: NDArray[np.float32], share: float = 0.3) -> Mask:
    """Return (N,): which pairs are among the best 30 percent, equal scores included.

    A share needs no threshold that fits the model, but keeps as much of a bad collection as of a good one.

    Source: Gadre et al. 2023, "DataComp", the baseline ``clip_score_l14_30_percent`` (whose code keeps one pair more).

    Raises:
        ValueError: the share is not between 0 and 1.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"the share of pairs to keep lies between 0 and 1, and this is {share}: 0.3 keeps 30 percent")
    count = int(share * len(scores))
    if not count:
        return np.zeros(len(scores), bool)
    return scores >= np.partition(scores, len(scores) - count)[len(scores) - count]


def semantic_groups(vectors: Vectors, above: float = 0.94) -> NDArray[np.int64]:
    """Return (N,): for each image the first row of its group. Two images above a cosine of 0.94 are of one group.

    A chain makes one group, too: the first and the last image of a long one may have little in common.

    Args:
        vectors: (N, E) of images, of unit length.

    Source: clip-retrieval ``clip_back.py`` ``get_non_uniques``: everything above 0.94, and its connected components.

    Raises:
        ValueError: the vectors are not of unit length.
    """
    _require_unit_length(vectors)
    similar = vectors @ vectors.T > above  # (N, N)
    rows, columns = similar.nonzero()
    return groups_of(zip(rows.tolist(), columns.tolist(), strict=True), len(vectors)).numpy()


def blockwise_semantic_groups(vectors: Vectors, above: float = 0.94) -> NDArray[np.int64]:
    """Return the same as `semantic_groups` without a matrix of N × N: 100,000 images would need 40 GB for it.

    Raises:
        ValueError: the vectors are not of unit length.
    """
    _require_unit_length(vectors)
    return groups_of(_similar_pairs(vectors, above), len(vectors)).numpy()


def first_of_each(groups: NDArray[np.int64]) -> Mask:
    """Return (N,): which rows are the first of their group, and stay."""
    return groups == np.arange(len(groups))


def _similar_pairs(vectors: Vectors, above: float) -> Iterator[tuple[int, int]]:
    for start in range(0, len(vectors), AT_ONCE):
        similar = vectors[start : start + AT_ONCE] @ vectors[start:].T > above  # (1024, N - start)
        for row, column in np.argwhere(np.triu(similar, 1)).tolist():
            yield start + row, start + column


def _require_unit_length(vectors: Vectors) -> None:
    lengths = np.linalg.norm(vectors, axis=1)
    if np.abs(lengths - 1).max(initial=0) > 1e-2:  # float16 vectors are up to 0.001 off
        raise ValueError(
            f"a cosine is the product of vectors of unit length, and these are {lengths.min():.3g} to "
            f"{lengths.max():.3g} long: divide each by its length"
        )
