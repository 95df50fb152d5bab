"""What training does to an image on purpose, so that no two epochs show the same pixels.

    image ─ a random rectangle of 90 to 100 % of its area ─▶ resized to S × S

That is all CLIP does. No mirroring: it would make "the cat left of the dog" false and letters unreadable.
"""

import math

import torch
from PIL import Image

from clip_tutor.images.preprocessing import squash

_TRIES = 10


def random_resized_crop(
    image: Image.Image,
    size: int,
    generator: torch.Generator | None = None,
    scale: tuple[float, float] = (0.9, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> Image.Image:
    """Return a random rectangle of the image, resized (bicubic) to ``size`` × ``size``.

    Args:
        image: RGB.
        size: pixels of each side.
        generator: where the chance comes from; torch's global generator if not given.
        scale: the least and the largest share of the image's area.
        ratio: the least and the largest width / height of the rectangle; its logarithm is drawn evenly.

    Source: Szegedy et al. 2015, section 6; the shares are OpenCLIP's.
    """
    width, height = image.size
    low, high = torch.tensor(ratio).log().tolist()
    for _ in range(_TRIES):
        area = width * height * torch.empty(1).uniform_(*scale, generator=generator).item()
        aspect = math.exp(torch.empty(1).uniform_(low, high, generator=generator).item())
        w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < w <= width and 0 < h <= height:
            top = int(torch.randint(0, height - h + 1, (1,), generator=generator))
            left = int(torch.randint(0, width - w + 1, (1,), generator=generator))
            return squash(image.crop((left, top, left + w, top + h)), size)
    # Nothing fits, as always with images of 3:2 and longer: the middle, as much of it as the ratio lets through.
    w, h = min(width, round(height * ratio[1])), min(height, round(width / ratio[0]))
    left, top = round((width - w) / 2), round((height - h) / 2)
    return squash(image.crop((left, top, left + w, top + h)), size)
