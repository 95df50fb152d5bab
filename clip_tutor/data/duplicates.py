"""Copies in a collection of images: the same file, nearly the same image, and which images hang together by that.

    file ──file_key──▶ equal keys: the same bytes
    image ─thumbnails─▶ 8 × 8 mean colors ──near_pairs──▶ rows that look alike ──groups_of──▶ a group for each row

A file that was saved again has other bytes and still shows the same. Its mean colors hardly move. How far is too far,
nobody can say for all collections: look at the pairs on both sides of a threshold before you trust it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

_ROWS = 1024  # of the distances at a time: 10,000 images would need 400 MB at once


def file_key(file: bytes) -> str:
    """Return a name for these bytes that no other bytes have: their SHA-256.

    >>> file_key(b"a") == file_key(b"a"), file_key(b"a") == file_key(b"b")
    (True, False)
    """
    return hashlib.sha256(file).hexdigest()


def thumbnails(pixels: Tensor, side: int = 8) -> Tensor:
    """Return (B, 3 · side²) mean colors, from 0 to 255, of side × side fields of (B, 3, H, W) uint8 images."""
    return F.adaptive_avg_pool2d(pixels.float(), side).flatten(1)


def difference_hash(pixels: Tensor, side: int = 8) -> Tensor:
    """Return (B, side²) truth values of (B, 3, H, W) images: is a field brighter than the one to its left?

    Two images are compared by how many of these bits differ. Where nothing is to be seen, noise decides.

    Source: Krawetz 2013, "Kind of Like That" (dHash).
    """
    gray = pixels.float().mean(dim=1, keepdim=True)  # (B, 1, H, W)
    fields = F.adaptive_avg_pool2d(gray, (side, side + 1))  # (B, 1, side, side + 1)
    return (fields[..., 1:] > fields[..., :-1]).flatten(1)


def distances(vectors: Tensor, others: Tensor) -> Tensor:
    """Return (B, M) root mean square differences of thumbnails, or how many bits differ where they are hashes."""
    if vectors.dtype == torch.bool:
        return torch.cdist(vectors.float(), others.float(), p=1)
    # By way of a matrix product, which is quicker, equal images would be up to half a level apart.
    apart = torch.cdist(vectors, others, compute_mode="donot_use_mm_for_euclid_dist")
    return apart / vectors.shape[1] ** 0.5


def near_pairs(vectors: Tensor, farthest: float) -> tuple[Tensor, Tensor]:
    """Return (P, 2) rows a < b that are at most ``farthest`` apart, and (P,) their distances; the nearest pair first.

    Args:
        vectors: (N, D) what `thumbnails` or `difference_hash` returns.
        farthest: in levels of 0 to 255, or in bits.
    """
    found, apart = [torch.empty(0, 2, dtype=torch.long)], [torch.empty(0)]
    for start in range(0, len(vectors), _ROWS):
        distance = distances(vectors[start : start + _ROWS], vectors[start:])
        rows, columns = (distance <= farthest).nonzero().T
        later = columns > rows
        rows, columns = rows[later], columns[later]
        found.append(torch.stack([rows, columns], dim=1) + start)
        apart.append(distance[rows, columns])
    pairs, lengths = torch.cat(found), torch.cat(apart)
    order = lengths.argsort(stable=True)
    return pairs[order], lengths[order]


def groups_of(pairs: Iterable[tuple[int, int]], rows: int) -> Tensor:
    """Return (N,): for each of ``rows`` rows the first row of its group.

    Two rows are in one group if a chain of pairs leads from one to the other.

    Source: Galler and Fisher 1964, union–find; Tarjan and van Leeuwen 1984, path halving.

    >>> groups_of([(0, 2), (2, 3)], rows=5).tolist()
    [0, 1, 0, 0, 4]
    """
    leader = list(range(rows))

    def find(row: int) -> int:
        while leader[row] != row:
            leader[row] = leader[leader[row]]  # half the way for whoever comes next
            row = leader[row]
        return row

    for one, other in pairs:
        first, second = sorted((find(one), find(other)))
        leader[second] = first
    return torch.tensor([find(row) for row in range(rows)], dtype=torch.long)
