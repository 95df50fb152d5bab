"""SigLIP 2's NaFlex image tower: one set of weights for every shape and number of patches.

    (B, N, 3·P·P) patches ─ linear ─▶ (B, N, D) ─(+)─ blocks ─ LayerNorm ─ MAP head ─▶ (B, E)
                                                  │     └── padding is hidden ──┘
    a learned 16 × 16 grid of positions ─ resized to each image's own h × w ─┘

"Na" is native aspect ratio: nothing is squashed or cropped. "Flex" is flexible length: fewer patches make a faster,
coarser model of the same weights. The grid of positions always spans the whole image, so a place near the right
edge gets the same vector in a panorama as in a portrait.
Sources: Tschannen et al. 2025 (SigLIP 2), section 2.4.2; google-research/big_vision
``models/proj/image_text/naflex_vit.py``.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clip_tutor.patches import Patches, to_patches
from clip_tutor.towers.attention import Block
from clip_tutor.towers.checks import check_map_head
from clip_tutor.towers.intermediates import Intermediates, collect
from clip_tutor.towers.pooling import MAPHead


@dataclass(frozen=True)
class NaFlexConfig:
    """The shape of a NaFlex tower; as it stands, the one of google/siglip2-base-patch16-naflex."""

    patch_size: int = 16  # P, in pixels
    grid_size: int = 16  # positions are learned for grid_size × grid_size patches
    width: int = 768  # D
    layers: int = 12
    heads: int = 12  # K
    mlp_width: int = 3072
    eps: float = 1e-6  # of every LayerNorm

    @property
    def image_size(self) -> int:
        """Side in pixels of the square image whose patches fall on the learned positions just so."""
        return self.grid_size * self.patch_size

    @property
    def max_patches(self) -> int:
        """How many patches an image is cut into at most, unless one asks for more."""
        return self.grid_size**2


class NaFlexTransformer(nn.Module):
    """SigLIP 2's image tower for images of any shape.

    Args:
        config: the shape of the tower.
        embed_dim: E, the length of the vector that images and captions share; must be the tower's width.
    """

    def __init__(self, config: NaFlexConfig, embed_dim: int) -> None:
        super().__init__()
        self.config = config
        D, P = config.width, config.patch_size
        check_map_head(D, embed_dim)
        self.patch_embed = nn.Linear(3 * P * P, D)
        self.pos_embed = nn.Parameter(D**-0.5 * torch.randn(config.grid_size**2, D))  # the grid, row by row
        mlp_width, eps = config.mlp_width, config.eps
        blocks = (Block(D, config.heads, "gelu_tanh", mlp_width=mlp_width, eps=eps) for _ in range(config.layers))
        self.blocks = nn.ModuleList(blocks)
        self.ln_post = nn.LayerNorm(D, eps)
        self.head = MAPHead(D, config.heads, "gelu_tanh", mlp_width, eps)

    def pos_embed_for(self, height: int, width: int) -> Tensor:
        """Return (height · width, D): the learned grid, resized like an image with D channels.

        Antialiased when it shrinks: every learned position contributes (``test_positions_are_resized_smoothly``).
        """
        side = self.config.grid_size
        grid = self.pos_embed.view(side, side, -1)  # (16, 16, D)
        down, across = (
            bilinear_weights(side, height).to(grid),
            bilinear_weights(side, width).to(grid),
        )  # (h, 16), (w, 16)
        return torch.einsum("hi,wj,ijd->hwd", down, across, grid).flatten(0, 1)  # (h·w, D)

    def forward(self, images: Tensor | Patches) -> Tensor:
        """Return (B, E) image vectors of any length.

        Args:
            images: rows of patches, as `clip_tutor.images.naflex.pad_patches` makes them of images of any shapes, or
                plain (B, 3, H, W) normalized pixels of one shape; H and W multiples of P.

        Raises:
            ValueError: the pixels cannot be cut into patches, or the patches are of another size than this tower's.
        """
        x, mask = self.embed(images)  # (B, N, D), (B, 1, 1, N)
        for block in self.blocks:
            x = block(x, mask)
        return self.head(self.ln_post(x), mask)  # (B, E)

    def embed(self, images: Tensor | Patches) -> tuple[Tensor, Tensor]:
        """Return (B, N, D), what goes into the blocks, and (B, 1, 1, N), True where a patch is no padding."""
        patches, mask, shapes = images if isinstance(images, Patches) else to_patches(images, self.config.patch_size)
        N = patches.shape[1]
        if patches.shape[2] != self.patch_embed.in_features:
            P = self.config.patch_size
            raise ValueError(
                f"this tower reads patches of {P} × {P} pixels, {self.patch_embed.in_features} numbers, and these have "
                f"{patches.shape[2]}: pack the images with patch_size={P}"
            )
        grids = [(int(height), int(width)) for height, width in shapes.tolist()]
        resized = {grid: self.pos_embed_for(*grid) for grid in set(grids)}  # images of one shape share it
        positions = torch.stack(
            [F.pad(resized[grid], (0, 0, 0, N - len(resized[grid]))) for grid in grids]
        )  # (B, N, D)
        return self.patch_embed(patches) + positions, mask[:, None, None, :]

    def intermediates(self, images: Tensor | Patches) -> Intermediates:
        """Return the token states (B, N, D) and attention maps (B, K, N, N) of each block."""
        return collect(self.blocks, *self.embed(images))


def bilinear_weights(old: int, new: int) -> Tensor:
    """Return (new, old): how much each place along the old side gives to each along the new one; rows sum to 1.

    Bilinear, and smoothed when it shrinks. ``F.interpolate`` computes the same, but errs where the result is a single
    column wide, as a very tall image's positions are: ``test_siglip_2_naflex``.
    """
    scale = old / new
    centers = (torch.arange(new) + 0.5) * scale  # (new,) in old places
    distance = (torch.arange(old) + 0.5 - centers[:, None]).abs()  # (new, old)
    weights = (1 - distance / max(scale, 1.0)).clamp(min=0)
    return weights / weights.sum(dim=1, keepdim=True)
