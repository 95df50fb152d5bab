"""Cut-outs: CLIP is not shown the image, but many random pieces of it, each a little changed.

    (B, 3, H, W) ─ random squares of it ─ averaged to S × S ─ turned, moved, with noise ─▶ (count · B, 3, S, S)

A pattern of single pixels that fools the network in one place does not survive being cut elsewhere, averaged and
turned. What survives looks like something.

Source: Crowson, "CLIP guided diffusion", class MakeCutouts; the noise is that of her VQGAN+CLIP notebook.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

LARGEST_TURN = 15.0  # degrees
LARGEST_SHIFT = 0.1  # of the side
LARGEST_NOISE = 0.1  # of the range of pixels


def random_cutout(pixels: Tensor, size: int, power: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Return (B, C, size, size): a random square of (B, C, H, W) images, the same for all, averaged to ``size``.

    Its side is size + u^power · (shorter side − size), with u even from 0 to 1, and it lies anywhere in the image.

    Args:
        size: pixels of a side that the image tower reads.
        power: 1 draws all sides alike, a larger one more small squares.

    Raises:
        ValueError: the images are smaller than ``size``.
    """
    H, W = pixels.shape[-2:]
    if size > min(H, W):
        raise ValueError(
            f"a cut-out of {size} pixels does not fit into an image of {H} × {W}: make the image larger, or take a "
            "CLIP that reads smaller ones"
        )
    large, down, right = torch.rand(3, generator=generator).tolist()
    side = size + int(large**power * (min(H, W) - size))
    top, left = int(down * (H - side + 1)), int(right * (W - side + 1))
    return F.adaptive_avg_pool2d(pixels[..., top : top + side, left : left + side], size)


def cutouts(
    pixels: Tensor, count: int, size: int, power: float = 1.0, generator: torch.Generator | None = None
) -> Tensor:
    """Return (count · B, C, size, size): as many random squares of each image; the first B are one of each.

    Raises:
        ValueError: the images are smaller than ``size``.
    """
    return torch.cat([random_cutout(pixels, size, power, generator) for _ in range(count)])


def augment(pixels: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Return (B, C, H, W) pixels, each image turned by up to 15°, moved by up to a tenth, and with some noise.

    Nothing is mirrored: it would make "the cat left of the dog" false. What comes in from beyond the edge is the edge.
    """
    B = len(pixels)

    def spread(shape: tuple[int, ...], most: float) -> Tensor:
        return most * (2 * torch.rand(shape, generator=generator) - 1).to(pixels)

    angle = spread((B,), math.radians(LARGEST_TURN))
    shift = spread((B, 2, 1), 2 * LARGEST_SHIFT)  # a side is 2 long, from −1 to 1
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], dim=-1).view(B, 2, 2)
    grid = F.affine_grid(torch.cat([turn, shift], dim=2), list(pixels.shape), align_corners=False)  # (B, H, W, 2)
    moved = F.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
    strength = LARGEST_NOISE * torch.rand(B, 1, 1, 1, generator=generator).to(pixels)
    return moved + strength * torch.randn(pixels.shape, generator=generator).to(pixels)
