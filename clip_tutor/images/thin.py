"""Resizing very long, thin images without making what nobody will see.

A file of 289 bytes can hold an image of 2 × 20,000 pixels. With its shorter side scaled to 224 it has 2,240,000 rows,
501 megapixels, of which a center crop keeps one in ten thousand:

    2 ┌──────────────┬─┬──────────────┐         ┌─┐
      └──────────────┴─┴──────────────┘   ─▶    └─┘ 224 × 224: only this much is resized
                  the middle
"""

from math import ceil, floor

from PIL import Image

LARGE = 2**24  # pixels, 64 MiB in Pillow: what is made whole and then cropped, as published code always does
_LONG = 2**20  # pixels along a side, from which on the weights of resizing would themselves need much memory


def resized_middle(
    image: Image.Image, scaled: tuple[int, int], starts: tuple[int, int], ends: tuple[int, int], resample: int
) -> Image.Image:
    """Return the pixels from ``starts`` to ``ends`` of the image at another size, without making the others.

    They equal those of ``image.resize(scaled).crop(...)``, up to the rounding of a shade where Pillow takes rows and
    columns in another order: ``test_the_middle_alone_is_that_of_the_whole``.

    Args:
        image: RGB.
        scaled: width and height in pixels that the whole image would have.
        starts, ends: left and top, right and bottom of what is seen, in pixels of the scaled image, inside of it.
        resample: Pillow's filter, bilinear or bicubic.
    """
    pieces = [_piece(*axis) for axis in zip(image.size, scaled, starts, ends, strict=True)]
    (left, right, x0, x1), (top, bottom, y0, y1) = pieces
    near = image.crop((left, top, right, bottom))
    size = (ends[0] - starts[0], ends[1] - starts[1])
    return near.resize(size, resample, box=(x0 - left, y0 - top, x1 - left, y1 - top))


def _piece(side: int, scaled: int, start: int, end: int) -> tuple[int, int, float, float]:
    """Return along one axis which pixels of the image are needed, and which span of them is seen."""
    scale = side / scaled  # pixels of the image to one of the scaled image
    reach = 2 * max(scale, 1.0) + 1  # how far bicubic looks to either side
    first, last = start * scale, min(end * scale, side)
    return max(0, floor(first - reach)), min(side, ceil(last + reach)), first, last


def gap_of(image: Image.Image) -> float | None:
    """Return Pillow's ``reducing_gap``: None, but for images so long that means of pixels must be taken beforehand."""
    return 3.0 if max(image.size) > _LONG else None
