"""The modes of images that are not RGB: what they are called, and how each becomes RGB.

    greyscale, palette, CMYK, LAB …   Pillow's own conversion
    transparency of any kind          laid over white
    numbers instead of shades         whole numbers of 16 or 32 bits, floats: see `shades`

Pillow would cut numbers off at 0 and 255: a float image from 0 to 1 comes out black, one of 16 bits white.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_KINDS = {
    "L": "greyscale",
    "1": "black and white",
    "CMYK": "CMYK (for print)",
    "P": "palette",
    "RGBA": "transparent",
    "I": "greyscale of 32 bits",
    "F": "greyscale of floating-point numbers",
}
_ANIMATED = ("GIF", "PNG", "WEBP", "AVIF")
_UNSIGNED, _SAMPLE_FORMAT = 1, 339  # of a TIFF file's numbers: the tag that says which kind they are


def is_see_through(image: Image.Image) -> bool:
    """Return whether some pixels may be transparent."""
    return "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "RGBa", "La")


def kind_of(image: Image.Image, frames: int) -> str:
    """Return in words what an image is that is not plain RGB.

    Args:
        image: decoded.
        frames: how many images its file holds.
    """
    if frames > 1:
        kind = "animated" if image.format in _ANIMATED else "a file of several images"
        kind = f"{kind}, with {frames} {'frames' if image.format in _ANIMATED else 'pages'}"
    else:
        kind = "greyscale of 16 bits" if image.mode.startswith("I;16") else _KINDS.get(image.mode, image.mode)
    return kind + (" with transparency" if is_see_through(image) and image.mode != "RGBA" else "")


def to_rgb(image: Image.Image) -> Image.Image:
    """Return an image of any mode as RGB; what is transparent shows white.

    Raises:
        ValueError: it is made of floats, and none of them is a number.
    """
    see_through, key = is_see_through(image), image.info.get("transparency")
    if image.mode.startswith("I") or image.mode == "F":
        values = _numbers(image)  # (H, W)
        grey = shades(values)
        if see_through and isinstance(key, int):  # the one number that stands for "transparent"
            grey = np.where(values == key, np.uint8(255), grey)
        return Image.fromarray(grey).convert("RGB")
    if not see_through:
        return image.convert("RGB")
    if image.mode == "La":  # colors already multiplied by their opacity, which Pillow converts to LA only
        image = image.convert("LA")
    rgba = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")


def shades(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Return (H, W) shades from 0 to 255 of an image of numbers, of which no file says which one is white.

    Whole numbers: of 16 bits, white is 65,535. Of 32 bits, it is 255 where all lie between 0 and 255, and 65,535 where
    all lie between 0 and that. Floats: white is 1 where all lie between 0 and 1, and 255 where all lie between 0 and
    255, some above 2. In all other images the least number becomes black and the greatest white. What is not a number
    (NaN) becomes black.

    Args:
        values: (H, W) uint16, int32, uint32 or float32.

    Raises:
        ValueError: not one of the values is finite.
    """
    if values.dtype == np.uint16:
        return (values >> 8).astype(np.uint8)  # type: ignore[operator]
    finite = values[np.isfinite(values)]
    if not finite.size:
        raise ValueError("none of its pixels is a number")
    low, high = float(finite.min()), float(finite.max())
    whole = np.issubdtype(values.dtype, np.integer)
    if whole and low >= 0 and high <= 65_535:
        return (values if high <= 255 else values >> 8).astype(np.uint8)  # type: ignore[operator]
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    elif not whole and low >= 0 and 2 < high <= 255:
        low, high = 0.0, 255.0
    numbers = np.nan_to_num(values.astype(np.float64), nan=low, posinf=high, neginf=low)
    return ((numbers - low) / ((high - low) or 1.0) * 255 + 0.5).astype(np.uint8)


def _numbers(image: Image.Image) -> NDArray[np.generic]:
    """Return (H, W) numbers. Pillow reads 32 bits as numbers with a sign, also where a TIFF file says otherwise."""
    values = np.asarray(image)
    tags = getattr(image, "tag_v2", {})
    if image.mode == "I" and tags and tags.get(_SAMPLE_FORMAT, (_UNSIGNED,)) == (_UNSIGNED,):
        return values.view(np.uint32)
    return values
