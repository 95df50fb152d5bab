"""Total variation: how much neighboring pixels differ. Noise has much of it, a flat surface none.

    mean over pixels of (right neighbor − pixel)² + (lower neighbor − pixel)²       the last column and row have none

Source: Mahendran and Vedaldi 2015, "Understanding deep image representations by inverting them", section 3, with β = 2;
Crowson, "CLIP guided diffusion", function tv_loss.
"""

import torch.nn.functional as F
from torch import Tensor


def total_variation(pixels: Tensor) -> Tensor:
    """Return (B,) the mean squared difference of neighbors in (B, C, H, W) pixels."""
    padded = F.pad(pixels, (0, 1, 0, 1), mode="replicate")  # (B, C, H + 1, W + 1): beyond the edge nothing changes
    right = padded[..., :-1, 1:] - pixels  # (B, C, H, W)
    below = padded[..., 1:, :-1] - pixels
    return (right**2 + below**2).mean(dim=(1, 2, 3))
