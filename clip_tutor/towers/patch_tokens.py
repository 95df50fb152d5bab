"""The tokens of a Vision Transformer before they become one vector: a state for each patch, which may be hidden.

    (B, 3, H, W) ─ patches ─▶ (B, N, D) ─ hide some ─(+)─ blocks ─ LayerNorm ─▶ (B, N, D) ─ MAP head ─▶ (B, D)
                                              ▲       │                            ▲
                              one learned vector      positions, resized           what a decoder reads, and what
                              in place of a patch     for this H and W             says where things are

A hidden patch keeps its position: the tower knows that something is there, and must tell from the others what.

Sources: Tschannen et al. 2025 (SigLIP 2), sections 2.2 and 2.3; Zhou et al. 2022 (iBOT), section 3.1, for the mask
token; facebookresearch/dino ``vision_transformer.py``, interpolate_pos_encoding, for views of another size.
"""

import torch
from torch import Tensor

from clip_tutor.towers.resolution import resize_pos_embed
from clip_tutor.towers.vit import VisionTransformer


def patch_tokens(
    tower: VisionTransformer, pixels: Tensor, masked: Tensor | None = None, mask_token: Tensor | None = None
) -> Tensor:
    """Return (B, N, D), the state of each patch behind the last block and its LayerNorm, row by row of the image.

    ``tower.head(patch_tokens(tower, pixels))`` is what ``tower(pixels)`` gives: ``test_the_head_pools_these_tokens``.

    Args:
        tower: one with a MAP head, as SigLIP's: it has a token for each patch, and no other.
        pixels: (B, 3, H, H) normalized; H any multiple of the patch size: positions are resized where need be.
        masked: (B, N), True where a patch is hidden; None hides nothing.
        mask_token: (D,), what stands in place of a hidden patch.

    Raises:
        ValueError: the tower has no MAP head, or its patches do not tile these images.
    """
    config = tower.config
    P, H, W = config.patch_size, *pixels.shape[2:]
    if config.pool != "map":
        raise ValueError(
            "this tower pools by a class token, and SigLIP 2 reads a token of each patch and no other: take a "
            'ViTConfig with pool="map"'
        )
    if H != W or H % P or H < P:
        raise ValueError(
            f"patches of {P} × {P} pixels do not tile images of {H} × {W}: give square ones whose side is a multiple "
            f"of {P}"
        )
    x = tower.patch_embed(pixels)  # (B, N, D)
    if masked is not None and mask_token is not None:
        x = torch.where(masked[:, :, None], mask_token.to(x.dtype), x)
    x = x + resize_pos_embed(tower.pos_embed, H // P)
    return tower.ln_post(tower.blocks(tower.ln_pre(x)))
