"""Small photographs, real enough for every reader: each with a color that tells it from the others."""

import io

import numpy as np
from PIL import Image

from clip_tutor.data.pairs import Pair


def photograph(number: int, width: int = 40, height: int = 30) -> Image.Image:
    """A smooth image whose mean tells its number: two images are nearer than 4 only if they are the same."""
    rows, columns = np.mgrid[0:height, 0:width]
    base = np.array([number * 37 % 200, number * 91 % 200, number * 53 % 200])
    wave = 20 * np.sin(rows / 5 + number) + 20 * np.cos(columns / 7)
    return Image.fromarray((base + 40 + wave[:, :, None]).clip(0, 255).astype(np.uint8))


def encoded(number: int, kind: str = "JPEG", width: int = 40, height: int = 30) -> bytes:
    """The same as the bytes of a file."""
    file = io.BytesIO()
    photograph(number, width, height).save(file, kind)
    return file.getvalue()


def captions_of(number: int, count: int = 5) -> tuple[str, ...]:
    """What five people would say about it."""
    letters = f"{chr(97 + number // 26)}{chr(97 + number % 26)}"  # digits would be taken apart by the tokenizer
    return tuple(f"image {letters} said by {chr(97 + n)}" for n in range(count))


def make_pairs(count: int, broken: tuple[int, ...] = ()) -> list[Pair]:
    """Pairs in memory; the broken ones are cut off in the middle."""
    pairs = []
    for number in range(count):
        data = encoded(number)
        data = data[: len(data) // 2] if number in broken else data
        pairs.append(Pair(f"photo-{number}.jpg", data, captions_of(number)))
    return pairs
