"""A file becomes an RGB picture, or one sentence that says why not.

path, bytes or picture ─ Pillow ─▶ any kind ─ convert ─▶ RGB
                            │
                            └─▶ damaged, cut off, no picture at all: ValueError with a sentence
"""

import io
import struct
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

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


Source = str | Path | bytes | Image.Image


def open_picture(source: Source, convert: bool = False) -> Image.Image:
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
