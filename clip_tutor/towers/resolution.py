"""High-resolution finishing: a tower that has learned at one resolution goes on at another.

    positions  [class] [grid 16 × 16] ─ bicubic, like an image with D channels ─▶ [class] [grid 24 × 24]
    the rest of the tower never knew how many patches there are

Small images make cheap steps, and most of what there is to learn can be learned from them; a short run at the end on
larger ones adds the detail. CLIP's ViT-L/14@336px is ViT-L/14 after one more epoch, with 576 patches in place of 256:
"similar to FixRes", says its paper. FixRes itself (Touvron et al. 2019) mends something else, that random crops make
objects look larger in training than at test, and fine-tunes the classifier and the last BatchNorm only.

Sources: Radford et al. 2021, section 2.5; open_clip ``model.py``, function resize_pos_embed.
"""

import math
from dataclasses import replace

import torch
from torch import Tensor, nn

from clip_tutor.images import Interpolation, resize_pixels
from clip_tutor.towers import EfficientNetConfig, NaFlexConfig, VisionConfig, ViTConfig


def with_image_size(config: VisionConfig, image_size: int) -> VisionConfig:
    """Return the config of the same tower for images of ``image_size`` × ``image_size`` pixels.

    Raises:
        ValueError: the tower's patches, or a convolutional tower's places, do not tile such an image.
    """
    side = _side(config)
    # SigLIP's patches leave out what they do not reach, and EfficientNet pads.
    tiles = isinstance(config, EfficientNetConfig) or (isinstance(config, ViTConfig) and config.pool == "map")
    if image_size < side or (image_size % side and not tiles):
        below = image_size // side * side
        raise ValueError(
            f"this tower sees squares of {side} × {side} pixels, and they do not tile an image of "
            f"{image_size} × {image_size}: take {f'{below} or ' if below > 0 else ''}{max(below, 0) + side} pixels"
        )
    if isinstance(config, NaFlexConfig):
        return replace(config, grid_size=image_size // side)
    return replace(config, image_size=image_size)


@torch.no_grad()
def resize_tower(tower: nn.Module, image_size: int) -> None:
    """Let an image tower read images of another size, in place: its config changes and, if it has any, its positions.

    They belong to the tower itself in Vision Transformers, and to the pool in CLIP's ResNet. SigLIP 2's NaFlex tower
    resizes its grid at each call, for whatever comes. Here that happens once, and the new grid can go on learning.

    Raises:
        ValueError: see `with_image_size`.
    """
    config = with_image_size(tower.config, image_size)  # type: ignore[arg-type]
    tower.config = config  # type: ignore[assignment]
    interpolation: Interpolation = "bilinear" if isinstance(config, NaFlexConfig) else "bicubic"  # as each does it
    for module in tower.modules():
        positions = getattr(module, "pos_embed", None)
        if isinstance(positions, nn.Parameter):
            resized = resize_pos_embed(positions, image_size // _side(config), interpolation)
            module.pos_embed = nn.Parameter(resized, positions.requires_grad)


def resize_pos_embed(positions: Tensor, grid_size: int, interpolation: Interpolation = "bicubic") -> Tensor:
    """Return positions learned on one square grid, stretched over another; a class token keeps its own.

    Args:
        positions: (n², D), row by row; or (1 + n², D) with the class token's first.
        grid_size: the new n.
        interpolation: antialiased when the grid shrinks, so that every learned position contributes.

    Returns:
        (grid_size², D), or one row more.
    """
    old = math.isqrt(len(positions))
    first = len(positions) - old**2  # 1 + n² is never a square
    if old == grid_size:
        return positions.clone()
    # Not F.interpolate: it errs where the result is one column wide.
    grid = positions[first:].T.unflatten(1, (old, old))  # (D, n, n)
    grid = resize_pixels(grid, grid_size, grid_size, interpolation)  # (D, grid_size, grid_size)
    return torch.cat([positions[:first], grid.flatten(1).T])  # (first + grid_size², D)


def _side(config: VisionConfig) -> int:
    """How many pixels of the image become one place of the tower's last grid, along a side."""
    return config.patch_size if isinstance(config, ViTConfig | NaFlexConfig) else 32
