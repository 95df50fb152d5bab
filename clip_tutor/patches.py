"""Images of any shape in one batch: each is cut into patches, and short rows of patches are padded.

    ┌──┬──┬──┐                   ┌───────────────────┐
    │ a│ b│ c│  2 × 3 patches    │ a  b  c  d  e  f  │  mask 1 1 1 1 1 1  shape (2, 3)
    ├──┼──┼──┤                ─▶ │                   │
    │ d│ e│ f│                   │ g  h  i  j  ·  ·  │  mask 1 1 1 1 0 0  shape (4, 1)
    └──┴──┴──┘  and 4 × 1: ghij  └───────────────────┘

`clip_tutor.images.naflex` packs images like this, `clip_tutor.towers.naflex` reads them.
"""

from typing import NamedTuple

import torch
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
