"""Images that the image tests share."""

import numpy as np
from PIL import Image

# width, height: even, odd, a pixel apart, very wide, very tall, tiny
SIZES = [(320, 240), (240, 320), (64, 64), (65, 64), (64, 65), (641, 77), (101, 67), (67, 103), (5, 3), (2, 2), (2, 97)]


def photograph(width: int, height: int, mode: str = "RGB", seed: int = 0) -> Image.Image:
    """Noise on a slope: detail at every scale, so that each way to resize gives other pixels."""
    noise = np.random.default_rng(seed).integers(0, 120, (height, width, 3))
    slope = np.linspace(0, 135, width)[None, :, None]
    return Image.fromarray((noise + slope).astype(np.uint8)).convert(mode)
