"""A vector for each patch: as the tower leaves it, and as captions can be compared with it.

                                                  ┌─ patch_features         (B, N, D)  for a probe
    blocks ─▶ (B, N, D) ─ last LayerNorm ─────────┤
                                                  └─ the MAP head on each   (B, N, E)  joint_patch_features, SigLIP
    blocks but the last ─ the last, where each patch
    sees itself alone ─ LayerNorm ─ projection ─────────────────────────▶   (B, N, E)  joint_patch_features, CLIP

Captions were compared with ONE vector an image, that of the pool. The tokens themselves stand in another space, and a
cosine between them and a caption says nothing. What brings them over is the pool: its attention decides which patches
count, and its values, what they say. Without queries and keys each patch says its own. For SigLIP that is its MAP head
with an image of a single token: what the image vector would be if there were nothing but this patch. For CLIP the class
token pools in the last block, and each patch goes through that block seeing only itself.

Sources: Zhou et al. 2022 (MaskCLIP) for the values alone; google-deepmind/tips
``TIPS_zeroshot_segmentation.ipynb`` for a class token; Xiao et al. 2025 (TextRegion) for SigLIP 2's head, there one
region at a time, here one patch.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clip_tutor.embedding import BATCH, device_of, looking_only
from clip_tutor.model import CLIP
from clip_tutor.towers import NaFlexTransformer, VisionTransformer


def patch_features(model: CLIP, pixels: Tensor) -> Tensor:
    """Return (B, N, D), the token of each patch behind the last block and its LayerNorm, float32 on the CPU.

    Patches stand row by row, those of a class token are left out.

    Args:
        pixels: (B, 3, H, W) uint8, or float from 0 to 1, of the size that the model reads.

    Raises:
        ValueError: the image tower has no tokens, as a convolutional one; or the images have another size.
    """
    tower = _transformer(model)
    with looking_only(model):
        return torch.cat([_tokens(tower, piece).float().cpu() for piece in _pieces(model, pixels)])


def joint_patch_features(model: CLIP, pixels: Tensor) -> Tensor:
    """Return (B, N, E) unit vectors that can be compared with those of captions, float32 on the CPU.

    Arguments and errors: `patch_features`.
    """
    tower = _transformer(model)
    with looking_only(model):
        pieces = [_joint(tower, piece).float().cpu() for piece in _pieces(model, pixels)]
    return F.normalize(torch.cat(pieces), dim=-1)


def as_grid(patches: Tensor) -> Tensor:
    """Return (B, side, side, D) from the (B, N, D) patches of square images.

    Raises:
        ValueError: N is no square.
    """
    N = patches.shape[1]
    side = round(N**0.5)
    if side**2 != N:
        raise ValueError(f"{N} patches are no square: reshape those of an oblong image to its own rows and columns")
    return patches.unflatten(1, (side, side))


def _tokens(tower: VisionTransformer | NaFlexTransformer, pixels: Tensor) -> Tensor:
    """Return (B, N, D) from (B, 3, H, W) normalized pixels."""
    states = tower.intermediates(pixels).token_states[-1]  # (B, N, D), or (B, 1+N, D) with a class token
    return tower.ln_post(states[:, _class_tokens(tower) :])


def _joint(tower: VisionTransformer | NaFlexTransformer, pixels: Tensor) -> Tensor:
    """Return (B, N, E), of any length, from (B, 3, H, W) normalized pixels."""
    if not _class_tokens(tower):
        x = _tokens(tower, pixels)  # (B, N, D)
        return tower.head(x.flatten(0, 1)[:, None]).unflatten(0, x.shape[:2])
    x = tower.intermediates(pixels).token_states[-2]  # (B, 1+N, D): what goes into the last block
    itself = torch.eye(x.shape[1], dtype=torch.bool, device=x.device)  # (T, T)
    x = tower.blocks[-1](x, itself)[:, 1:]  # (B, N, D)
    return tower.ln_post(x) @ tower.projection


def _class_tokens(tower: nn.Module) -> int:
    return int(getattr(tower, "cls_token", None) is not None)


def _transformer(model: CLIP) -> VisionTransformer | NaFlexTransformer:
    tower = model.image_tower
    if not isinstance(tower, VisionTransformer | NaFlexTransformer):
        raise ValueError(
            f"the image tower is a {type(tower).__name__}, whose last map went through a pool that knows no patches: "
            "take a model with a Vision Transformer"
        )
    return tower


def _pieces(model: CLIP, pixels: Tensor) -> list[Tensor]:
    """Return normalized pixels in pieces that fit into memory, where the model is and in its type."""
    first = next(model.image_tower.parameters())
    normalize = model.config.preprocessing.normalize
    return [normalize(part.to(device_of(model))).to(first.dtype) for part in pixels.split(BATCH)]
