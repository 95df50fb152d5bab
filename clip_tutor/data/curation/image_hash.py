"""A perceptual hash: 64 bits of what an image looks like, which survive resizing and compression.

    image ─▶ 32 × 32 gray ─ cosine transform ─▶ 8 × 8 lowest frequencies ─ above their median? ─▶ 64 bits

`duplicates.difference_hash` compares neighboring fields and is quicker; this one compares whole waves, is the usual
pHash, and is what COYO-700M publishes for each of its images. Two images of one hash most often show the same.

Which of many hashes are near each other: `hash_groups` compares all with all. `banded_hash_groups` gives the same and
compares few: where two hashes that differ in at most d bits are cut into d + 1 bands, one band is equal in both.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from clip_tutor.data.duplicates import groups_of, near_pairs

BITS = 64
_SIDE = 32  # pixels of the small image, of whose frequencies the lowest 8 × 8 count
_LOW = 8

Hashes = NDArray[np.uint64]


def _cosines() -> NDArray[np.float64]:
    """Return (8, 32): in row k, the cosine wave of k half periods, over 32 pixels (DCT-II)."""
    k, n = np.arange(_LOW)[:, None], np.arange(_SIDE)
    return np.cos(np.pi * k * (2 * n + 1) / (2 * _SIDE))


def perceptual_hash(image: Image.Image) -> int:
    """Return 64 bits as a whole number; the first bit, the mean brightness, is the highest.

    Frequencies that an image does not have are zero but for rounding, and rounding would then decide the bits of a flat
    image: ``test_flat_images_have_one_hash`` fails without `numpy.round`.

    Source: Krawetz 2011, "Looks Like It" (pHash); ``imagehash.phash`` 4.3, to whose hash this one is equal.

    >>> f"{perceptual_hash(Image.new('RGB', (40, 30), 'white')):016x}"
    '8000000000000000'
    """
    gray = image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    waves = _cosines()
    low = np.round(waves @ np.asarray(gray, np.float64) @ waves.T, 6)  # (8, 8)
    return int.from_bytes(np.packbits(low > np.median(low)).tobytes(), "big")


def differing_bits(hashes: Hashes, others: Hashes) -> NDArray[np.int64]:
    """Return in how many bits hashes differ from others, whose shapes broadcast (the Hamming distance)."""
    return _bits(hashes ^ others).sum(axis=-1, dtype=np.int64)


def hash_groups(hashes: Hashes, farthest: int = 0) -> NDArray[np.int64]:
    """Return (N,): for each hash the first row of its group; a chain of near hashes is one group.

    Args:
        hashes: (N,).
        farthest: bits in which two near hashes differ at most. 0, equal hashes, is what COYO-700M takes.
    """
    pairs, _ = near_pairs(torch.from_numpy(_bits(hashes).astype(bool)), farthest)
    return groups_of(pairs.tolist(), len(hashes)).numpy()


def banded_hash_groups(hashes: Hashes, farthest: int = 0) -> NDArray[np.int64]:
    """Return the same as `hash_groups`, for millions of hashes.

    Equal hashes, of which a web collection has thousands (logos, "image not found"), are looked at once.
    """
    different, first, place = np.unique(hashes, return_index=True, return_inverse=True)
    groups = groups_of(_near_in_a_band(different, farthest), len(different)).numpy()  # (U,)
    rows = np.full(len(different), len(hashes))
    np.minimum.at(rows, groups, first)  # the first row of all that are in the group
    return rows[groups[place.reshape(-1)]].astype(np.int64)


def _near_in_a_band(hashes: Hashes, farthest: int) -> Iterator[tuple[int, int]]:
    """Yield pairs of different hashes that are near, some of them more than once."""
    if not farthest:
        return
    edges = np.linspace(0, BITS, farthest + 2).astype(int)
    for start, end in pairwise(edges.tolist()):
        band = (hashes >> np.uint64(start)) & np.uint64(2 ** (end - start) - 1)
        order = band.argsort(kind="stable")
        cuts = np.flatnonzero(np.diff(band[order])) + 1
        for rows in np.split(order, cuts):
            for n, row in enumerate(rows[:-1].tolist()):
                later = rows[n + 1 :]
                for other in later[differing_bits(hashes[later], hashes[row]) <= farthest].tolist():
                    yield row, other


def _bits(hashes: Hashes) -> NDArray[np.uint8]:
    """Return (…, 64) zeros and ones."""
    return np.unpackbits(np.ascontiguousarray(hashes, np.uint64)[..., None].view(np.uint8), axis=-1)
