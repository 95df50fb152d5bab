"""A picture becomes the tensor that an image tower reads.

    file ─ open_picture ─▶ RGB picture ─ resize, center crop ─▶ (3, S, S) in 0..1 ─ normalize ─▶ about -2..2

The steps are CLIP's: openai/CLIP ``clip/clip.py``, function _transform.
"""

import io
import struct
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

# Mean and standard deviation of each color channel over the pictures that CLIP was trained on.
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)

_KINDS = {"L": "greyscale", "1": "black and white", "CMYK": "CMYK (for print)", "P": "palette", "RGBA": "transparent"}
_KINDS |= {"I;16": "greyscale of 16 bits", "I": "greyscale of 32 bits"}
# What Pillow lets through when a file's inside makes no sense; some of its readers do not turn these into OSError.
_DAMAGE = (
    OSError,
    SyntaxError,
    EOFError,
    ValueError,
    TypeError,
    IndexError,
    struct.error,
    Image.DecompressionBombError,
)


def open_picture(source: str | Path | bytes | Image.Image, convert: bool = False) -> Image.Image:
    """Return a picture in RGB, or say precisely why not.

    Args:
        source: a path, the bytes of a file, or a picture that Pillow has opened.
        convert: make RGB of a picture of another kind: colors are converted, transparency is laid over white,
            and an animation gives its first frame. Published preprocessing does so silently.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a picture, it is cut off or a single pixel wide, or it is not RGB and ``convert`` is off.
    """
    name = "this picture" if isinstance(source, bytes | Image.Image) else str(source)
    try:
        picture = source
        if not isinstance(picture, Image.Image):
            picture = Image.open(io.BytesIO(picture) if isinstance(picture, bytes) else picture)
        picture.load()
        frames = getattr(picture, "n_frames", 1)
    except UnidentifiedImageError as error:
        raise ValueError(f"{name} is not a picture that can be read: give a PNG, JPEG, WebP or GIF file") from error
    except FileNotFoundError:
        raise
    except _DAMAGE as error:
        raise ValueError(f"{name} is damaged or cut off ({error}): download or copy it again") from error
    if min(picture.size) < 2:
        raise ValueError(
            f"{name} is {picture.width}×{picture.height} pixels: there is nothing to see in it, leave it out"
        )
    see_through = "transparency" in picture.info or picture.mode in ("RGBA", "LA", "PA", "RGBa", "La")
    if picture.mode == "RGB" and frames == 1 and not see_through:
        return picture
    if not convert:
        what = "animated, with " + str(frames) + " frames" if frames > 1 else _KINDS.get(picture.mode, picture.mode)
        what += " with transparency" if see_through and picture.mode != "RGBA" else ""
        raise ValueError(f"{name} is {what}, and towers read RGB: pass convert=True to make RGB of it")
    if picture.mode.startswith("I"):  # 0 to 65,535, of which Pillow would turn all above 255 into white
        picture = Image.fromarray((np.asarray(picture) / 256).clip(0, 255).astype(np.uint8))
    if see_through:
        rgba = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return picture.convert("RGB")


def resize(picture: Image.Image, size: int) -> Image.Image:
    """Return the picture scaled so that its SHORTER side has ``size`` pixels (bicubic, smoothed when shrinking)."""
    width, height = picture.size
    shorter = min(width, height)
    scaled = (size * width // shorter, size * height // shorter)
    return picture.resize(scaled, Image.Resampling.BICUBIC)


def center_crop(picture: Image.Image, size: int) -> Image.Image:
    """Return the ``size`` × ``size`` pixels in the middle."""
    left, top = round((picture.width - size) / 2), round((picture.height - size) / 2)
    return picture.crop((left, top, left + size, top + size))


def to_tensor(picture: Image.Image) -> Tensor:
    """Return (3, H, W) numbers from 0 to 1."""
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1) / 255


def normalize(pixels: Tensor) -> Tensor:
    """Return pixels shifted and scaled as CLIP's towers expect: channels with mean 0 and spread 1, roughly.

    Args:
        pixels: (..., 3, H, W), float from 0 to 1, or uint8 from 0 to 255.
    """
    mean = torch.tensor(CLIP_MEAN, device=pixels.device).view(3, 1, 1)
    std = torch.tensor(CLIP_STD, device=pixels.device).view(3, 1, 1)
    top = 255.0 if pixels.dtype == torch.uint8 else 1.0
    return (pixels - top * mean) / (top * std)


def preprocess(source: str | Path | bytes | Image.Image, size: int, convert: bool = False) -> Tensor:
    """Return (3, size, size) normalized pixels of a picture: every step of this module in order.

    Raises:
        FileNotFoundError, ValueError: see `open_picture`.
    """
    picture = open_picture(source, convert)
    return normalize(to_tensor(center_crop(resize(picture, size), size)))
