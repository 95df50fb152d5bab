"""Searching with a taste: the query is nudged towards what is liked.

    "a dog" ──▶ text tower ──▶ T ──────┐
                                       ├─ sum ─▶ unit length ─▶ query
    head ──▶ weights at unit length ─ w ┘

clip-retrieval does so with one of ten vectors, one for each rating from 0 to 9; its client takes that of 9 and w = 0.5
unless told otherwise. Here the vector is the head's own direction: from disliked to liked images, with no share in what
all images have in common.

Source: rom1504/clip-retrieval, ``clip_back.py``, ``KnnService.compute_query``, and ``clip_client.py``.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from clip_tutor.applications.aesthetics.heads import LinearHead
from clip_tutor.embedding import encode_texts
from clip_tutor.search import Hit, ImageIndex
from clip_tutor.search.grouping import best_hits

WEIGHT = 0.5


def nudge(query: Tensor, direction: Tensor, weight: float = WEIGHT) -> Tensor:
    """Return the (E,) query, plus ``weight`` times a direction, brought back to unit length.

    Args:
        query: (E,), of unit length.
        direction: (E,), of unit length.
        weight: 0 leaves the query as it is; below 0 it is nudged to what is not liked.

    Raises:
        ValueError: query and direction have different lengths, or cancel out.
    """
    if query.shape != direction.shape or query.ndim != 1:
        raise ValueError(
            f"a query and a direction of one space, (E,) each: got {tuple(query.shape)} and {tuple(direction.shape)}. "
            "Was the head trained on vectors of the CLIP that the index was made with?"
        )
    moved = query + weight * direction
    if not float(moved.norm()) > 1e-6:
        raise ValueError(f"with the weight {weight:g}, nothing is left of this query: take another weight")
    return F.normalize(moved, dim=0)


def nudged_search(index: ImageIndex, words: str, head: LinearHead, weight: float = WEIGHT, k: int = 10) -> list[Hit]:
    """Return the ``k`` images of an index nearest to some words, nudged towards what a head likes.

    Raises:
        ValueError: the words cannot be read, or the head belongs to another CLIP.
    """
    (query,) = encode_texts(index.model, index.tokenizer, [words], truncate=True)  # (E,)
    return best_hits(index.vectors, nudge(query, head.direction, weight).numpy(), k, None, 1.0, None)
