"""The forward process: an image and noise, mixed.

    x_t = √ᾱ_t · x_0 + √(1 - ᾱ_t) · ε        the two shares of variance, ᾱ and 1 - ᾱ, add up to 1

Noise upon noise is again noise, so the t steps of the schedule are one line here. In this package an image x_0 has
values from -1 to 1, as noise has both signs.

Source: Ho et al. 2020, equation 4.
"""

from torch import Tensor


def add_noise(x0: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    """Return x_t, of the shape of x_0 (B, C, H, W).

    Args:
        noise: ε, of the same shape, drawn from a normal distribution.
        alpha_bar: ᾱ_t, one number or (B, 1, 1, 1).
    """
    return alpha_bar.sqrt() * x0 + (1 - alpha_bar).sqrt() * noise


def from_pixels(pixels: Tensor) -> Tensor:
    """Return (B, 3, H, W) from -1 to 1, as diffusion reads images, from uint8 pixels."""
    return pixels.float() / 127.5 - 1


def to_pixels(x0: Tensor) -> Tensor:
    """Return (B, 3, H, W) uint8 pixels from images of -1 to 1; what lies beyond is cut off."""
    return ((x0.clamp(-1, 1) + 1) * 127.5).round().byte()
