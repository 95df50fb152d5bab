"""Many rectangles of many images at once: the large and small views that self-distillation compares.

    image 1 ─┬─ 40 to 100 % of its area ─▶ (B, 3, S, S)          one large view each
    …        └─ 5 to 40 %, eight times ──▶ (8 · B, 3, s, s)      small ones, of fewer pixels

`random_resized_crop` in `augmenting` does that with one image, in Pillow. A training step needs hundreds, so here the
rectangles of a batch are drawn in one go, and cut out in one, bilinearly.

There is no mirroring and no change of color, which DINO and its heirs add: a caption of these images may say left
and red, and patches that know where they are should know it, too.

Sources: Caron et al. 2020 (SwAV), section 3.3, for small views; Caron et al. 2021 (DINO), section 3.1, for their areas.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

_TRIES = 10


def random_rectangles(
    count: int,
    scale: tuple[float, float],
    generator: torch.Generator | None = None,
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> Tensor:
    """Return (count, 4): left, top, width and height of random rectangles inside an image, as shares of its sides.

    Args:
        scale: the least and the largest share of the area.
        generator: where the chance comes from; torch's global one if not given.
        ratio: the least and the largest width / height; its logarithm is drawn evenly.
    """
    low, high = math.log(ratio[0]), math.log(ratio[1])
    shape = (count, _TRIES)
    area = scale[0] + (scale[1] - scale[0]) * torch.rand(shape, generator=generator)
    aspect = (low + (high - low) * torch.rand(shape, generator=generator)).exp()
    sides = torch.stack([(area * aspect).sqrt(), (area / aspect).sqrt()], dim=-1)  # (count, tries, 2)
    fits = (sides <= 1).all(dim=-1)
    first = fits.int().argmax(dim=1)  # the first that fits, or where none does the first, cut at the image's edges
    size = sides[torch.arange(count), first].clamp(max=1)  # (count, 2)
    corner = torch.rand(count, 2, generator=generator) * (1 - size)
    return torch.cat([corner, size], dim=1)


def cut_out(pixels: Tensor, rectangles: Tensor, size: int) -> Tensor:
    """Return (V · B, 3, size, size): V rectangles of each image, resized; view v of image b is row v · B + b.

    Args:
        pixels: (B, 3, H, W) float.
        rectangles: (V · B, 4), as `random_rectangles` gives them.
        size: pixels of a side. Much fewer than a rectangle has would alias: nothing is smoothed beforehand.
    """
    images = pixels.repeat(len(rectangles) // len(pixels), 1, 1, 1)  # (V · B, 3, H, W)
    left, top, width, height = rectangles.to(pixels).unbind(dim=1)
    nothing = torch.zeros_like(left)
    # Where, between -1 and 1 across the image, the pixels from -1 to 1 across the view lie.
    across = torch.stack([width, nothing, 2 * left + width - 1], dim=1)
    down = torch.stack([nothing, height, 2 * top + height - 1], dim=1)
    shape = [len(images), 3, size, size]
    grid = F.affine_grid(torch.stack([across, down], dim=1), shape, align_corners=False)  # (V · B, size, size, 2)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
