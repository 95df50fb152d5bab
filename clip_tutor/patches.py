"""Images of any shape in one batch: each is cut into patches, and short rows of patches are padded.

    ┌──┬──┬──┐                   ┌───────────────────┐
    │ a│ b│ c│  2 × 3 patches    │ a  b  c  d  e  f  │  mask 1 1 1 1 1 1  shape (2, 3)
    ├──┼──┼──┤                ─▶ │                   │
    │ d│ e│ f│                   │ g  h  i  j  ·  ·  │  mask 1 1 1 1 0 0  shape (4, 1)
    └──┴──┴──┘  and 4 × 1: ghij  └───────────────────┘

`clip_tutor.images.naflex` packs images like this, `clip_tutor.towers.naflex` reads them.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Patches(NamedTuple):
    """A batch of images as rows of patches."""

    patches: Tensor  # (B, N, 3·P·P) normalized pixels; a row shorter than N ends in zeros
    mask: Tensor  # (B, N) True where there is a patch, False where there is padding
    shapes: Tensor  # (B, 2) how many patches each image has downwards and across


def patchify(pixels: Tensor, patch_size: int) -> Tensor:
    """Return (B, N, 3·P·P) from (B, 3, H, W): patches row by row; within one, pixels row by row, colors side by side.

    Raises:
        ValueError: patches of this size do not tile the images.
    """
    B, C, H, W = pixels.shape
    P = patch_size
    if H % P or W % P or not H or not W:
        raise ValueError(
            f"patches of {P} pixels do not tile images of {H} × {W}: resize to multiples of {P} first, "
            "for instance with clip_tutor.images.naflex.native_size"
        )
    cut = pixels.reshape(B, C, H // P, P, W // P, P)
    return cut.permute(0, 2, 4, 3, 5, 1).reshape(B, (H // P) * (W // P), P * P * C)  # (B, N, P·P·3)


def to_patches(pixels: Tensor, patch_size: int) -> Patches:
    """Return images of one shape, (B, 3, H, W), as rows of patches without any padding."""
    patches = patchify(pixels, patch_size)  # (B, N, 3·P·P)
    mask = torch.ones(patches.shape[:2], dtype=torch.bool, device=pixels.device)  # (B, N)
    shape = torch.tensor([pixels.shape[2] // patch_size, pixels.shape[3] // patch_size], device=pixels.device)
    return Patches(patches, mask, shape.expand(len(pixels), 2))


def pad_rows(rows: Sequence[Tensor], shapes: Sequence[tuple[int, int]], length: int) -> Patches:
    """Return rows of patches of several images as one batch: zeros behind each, and a mask that says where.

    Args:
        rows: for each of B images (n, 3·P·P), n = height · width of its shape.
        shapes: how many patches each image has downwards and across.
        length: N, at least as long as the longest row.

    Raises:
        ValueError: a row is too long, or has not as many patches as its shape.
    """
    for row, (down, across) in zip(rows, shapes, strict=True):
        if len(row) != down * across or len(row) > length:
            raise ValueError(
                f"a row of {len(row)} patches for an image of {down} × {across} of them, in a batch of {length}: give "
                "each image a row of just its patches, and length as many as the longest has"
            )
    lengths = torch.tensor([len(row) for row in rows])  # (B,)
    mask = torch.arange(length) < lengths[:, None]  # (B, N)
    padded = [F.pad(row, (0, 0, 0, length - len(row))) for row in rows]  # each (N, 3·P·P)
    return Patches(torch.stack(padded), mask, torch.tensor(shapes))
