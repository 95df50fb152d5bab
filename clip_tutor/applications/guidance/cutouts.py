"""Cut-outs: random squares of an image, each brought to the size that the image tower reads."""

import torch
import torch.nn.functional as F
from torch import Tensor


def random_cutouts(pixels: Tensor, count: int, size: int, generator: torch.Generator) -> Tensor:
    """Return (count · B, 3, size, size): of each image, random squares of half to all of its shorter side.

    Args:
        pixels: (B, 3, H, W).
        count: cut-outs of each image; those of the first come before those of the second cut-out of all images.
        size: pixels of each side of a cut-out.
        generator: decides how large they are and where; on the CPU.
    """
    H, W = pixels.shape[-2:]
    cutouts = []
    for _ in range(count):
        side = round(min(H, W) * (0.5 + 0.5 * torch.rand((), generator=generator).item()))
        top = int(torch.randint(H - side + 1, (), generator=generator))
        left = int(torch.randint(W - side + 1, (), generator=generator))
        cutout = pixels[..., top : top + side, left : left + side]
        cutouts.append(F.interpolate(cutout, (size, size), mode="bilinear", align_corners=False, antialias=True))
    return torch.cat(cutouts)
