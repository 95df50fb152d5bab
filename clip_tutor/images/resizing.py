"""Resizing written out: an image's rows and columns are multiplied by one matrix each.

    pixels of the old row   ● ● ● ● ● ● ● ●          weights (new, old): row i says how much
                             ╲╱ kernel ╲╱               each old pixel gives to new pixel i
    pixels of the new row      ●     ●     ●

Shrinking by 4, a new pixel must be a mean of about 4 old ones, so the kernel is stretched by 4: that is anti-aliasing.
Pillow does this, and so does torchvision on images and, with ``antialias=True``, on tensors.
``F.interpolate`` does not unless told to: it looks at the same two or four neighbors however much it shrinks.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

Interpolation = Literal["bicubic", "bilinear"]


def triangle(x: Tensor) -> Tensor:
    """Return the bilinear kernel: 1 at the middle, 0 from a distance of 1 pixel on."""
    return (1 - x.abs()).clamp(min=0)


def cubic(x: Tensor) -> Tensor:
    """Return the bicubic kernel: two cubic pieces, 0 from a distance of 2 pixels on, a little negative before that.

    Its free number is -0.5, as Keys (1981) has it and Pillow uses it. PyTorch uses -0.75 when it does NOT smooth, so
    its two ways to enlarge an image differ: ``test_bicubic_is_pillows_not_that_of_plain_interpolate``.
    """
    a = -0.5
    x = x.abs()
    near = (a + 2) * x**3 - (a + 3) * x**2 + 1  # up to 1 pixel away
    far = a * (x**3 - 5 * x**2 + 8 * x - 4)  # from 1 to 2 pixels away
    return torch.where(x < 1, near, torch.where(x < 2, far, 0.0))


KERNELS: dict[Interpolation, Callable[[Tensor], Tensor]] = {"bicubic": cubic, "bilinear": triangle}


def resize_weights(old: int, new: int, interpolation: Interpolation = "bicubic", antialias: bool = True) -> Tensor:
    """Return (new, old) weights, float64: row i holds the shares of the old pixels in new pixel i, which sum to 1.

    Args:
        old, new: how many pixels a row has before and after.
        interpolation: which kernel weighs the neighbors.
        antialias: stretch the kernel when shrinking, so that every old pixel counts. Off, pixels between are skipped.
    """
    scale = old / new
    stretch = max(scale, 1.0) if antialias else 1.0
    # Pixels are squares, not points: the middle of pixel i lies at i + 1/2. That is what keeps the image in place.
    centers = (torch.arange(new, dtype=torch.float64) + 0.5) * scale  # (new,) in old pixels
    pixels = torch.arange(old, dtype=torch.float64) + 0.5  # (old,)
    weights = KERNELS[interpolation]((pixels - centers[:, None]) / stretch)  # (new, old)
    return weights / weights.sum(dim=1, keepdim=True)


def resize_pixels(
    pixels: Tensor, height: int, width: int, interpolation: Interpolation = "bicubic", antialias: bool = True
) -> Tensor:
    """Return pixels at a new size: one matrix product along each axis.

    Args:
        pixels: (..., H, W), uint8 or float. Bytes stay bytes, and equal Pillow's to the last one. Floats are not cut
            off: beside sharp edges, bicubic reaches a little beyond 0 and 1.
        height, width: the new H and W, at least 1.
        interpolation, antialias: see `resize_weights`.

    Raises:
        ValueError: there are no pixels, or none are asked for.

    Source: Pillow ``src/libImaging/Resample.c``.
    """
    old_height, old_width = pixels.shape[-2:]
    if min(old_height, old_width, height, width) < 1:
        raise ValueError(f"cannot make {width}×{height} pixels of {old_width}×{old_height}: each side needs at least 1")
    across = resize_weights(old_width, width, interpolation, antialias).to(pixels.device)  # (new W, W)
    down = resize_weights(old_height, height, interpolation, antialias).to(pixels.device)  # (new H, H)
    if pixels.dtype == torch.uint8:
        # Recent Pillow begins with the axis that costs less; older ones and this one always go across first. Only
        # where bicubic overshoots 0 or 255 can one see it: ``test_bytes_are_pillows_to_the_last_one``.
        rows = _in_bytes(across, pixels.mT).mT  # (..., H, new W)
        return _in_bytes(down, rows)  # (..., new H, new W)
    return down.to(pixels) @ (pixels @ across.to(pixels).mT)  # (..., new H, new W)


def _in_bytes(weights: Tensor, pixels: Tensor) -> Tensor:
    """The product in bytes, counted as Pillow does: weights of 22 binary places, halves rounded up, 0 to 255."""
    exact = (weights * 2**22).round() / 2**22
    return (exact @ pixels.double() + 0.5).floor().clamp(0, 255).to(torch.uint8)
