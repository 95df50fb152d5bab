"""Whatever lies in a file becomes a decoded image, the right way up; or one sentence says why not, and what to do.

    path ─ a folder, a loop, no permission …? ─┐
    bytes ─────────────────────────────────────┼─ Pillow finds the format ─ decodes ─ turned upright ─▶ image
    opened image ──────────────────────────────┘

Every decoder of Pillow fails in its own way when a file makes no sense. All of that comes out of here as `ValueError`.
"""

import errno
import importlib
import io
import os
import re
import stat
from pathlib import Path

from PIL import Image, ImageFile, UnidentifiedImageError

from clip_tutor.images.orientation import upright

ImageLike = str | Path | bytes | Image.Image

_LONGEST_NAME = 200  # characters of a path in a message
_PROBLEMS = {
    errno.ENOTDIR: "cannot be opened: a part of this path is a file, not a folder",
    errno.EACCES: "may not be read: ask its owner for the permission",
    errno.EPERM: "may not be read: ask its owner for the permission",
    errno.ELOOP: "is a symbolic link that leads back to itself: give the file it was meant to lead to",
    errno.ENAMETOOLONG: "is a longer name than the file system allows: give the path of a file",
}
# How files begin that are often taken for images that Pillow reads, and what they are.
_OTHERS = (
    (
        re.compile(rb"....ftyp(hei|hev|mif1|msf1)", re.DOTALL),
        "an HEIC photograph, as telephones write it: pip install pillow-heif, or save it as JPEG",
    ),
    (re.compile(rb"\xff\x0a|\0\0\0\x0cJXL "), "a JPEG XL file: save it as JPEG or PNG"),
    (re.compile(rb"%PDF"), "a PDF file: save its pages as PNG"),
    (re.compile(rb"\s*(<\?xml[^>]*>\s*)?<svg", re.IGNORECASE), "a drawing (SVG): save it as PNG"),
    (re.compile(rb"\s*<(!doctype )?html", re.IGNORECASE), "a web page, not the image on it: download the image itself"),
    (re.compile(rb"version https://git-lfs"), "a Git LFS pointer to the image: run git lfs pull"),
    (re.compile(rb"\Z"), "empty: copy or download it again"),
)
# What Pillow names, but decodes only with another program or not at all.
_UNDECODABLE = ("EPS", "MPEG")


def decode(source: ImageLike) -> tuple[Image.Image, int]:
    """Return an image, decoded and upright, and how many frames or pages its file has; the image is the first one.

    A photograph that carries further images for its own use (MPO, as many telephones write) counts as one.

    Args:
        source: a path, the bytes of a file, or an image that Pillow has opened.

    Raises:
        FileNotFoundError: there is no such file.
        TypeError: the source is none of the three.
        ValueError: it cannot be decoded; the message says why.
    """
    image = identify(source)
    name = name_of(source)
    try:
        image.load()
        frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
        return upright(image), frames
    except Exception as error:
        if isinstance(image, ImageFile.StubImageFile) or image.format in _UNDECODABLE:
            raise ValueError(
                f"{name} is a file of the kind {image.format}, which cannot be decoded here ({error}): "
                "save it as PNG or JPEG"
            ) from error
        raise _explained(error, name) from error


def identify(source: ImageLike) -> Image.Image:
    """Return an image of which Pillow has read the head: its format, mode and size, but no pixels yet.

    Raises:
        FileNotFoundError, TypeError, ValueError: as `decode`.
    """
    if isinstance(source, Image.Image):
        return source
    if isinstance(source, str | os.PathLike):
        _check_path(source)
    elif not isinstance(source, bytes | bytearray | memoryview):
        raise TypeError(
            "an image is a path, the bytes of a file, or one that Pillow has opened, and this is "
            f"{type(source).__name__}: PIL.Image.fromarray makes an image of an array"
        )
    try:
        try:
            return _opened(source)
        except UnidentifiedImageError:
            if not (_OTHERS[0][0].match(_head(source)) and _reads_heic()):
                raise
            return _opened(source)
    except UnidentifiedImageError as error:
        kind = next((f"; this one is {kind}" for start, kind in _OTHERS if start.match(_head(source))), "")
        raise ValueError(
            f"{name_of(source)} is not an image that can be read: give a PNG, JPEG, WebP or GIF file{kind}"
        ) from error
    except Exception as error:
        raise _explained(error, name_of(source)) from error


def _opened(source: str | Path | bytes) -> Image.Image:
    return Image.open(source if isinstance(source, str | os.PathLike) else io.BytesIO(source))


def _reads_heic() -> bool:
    """Return whether `pillow-heif` is installed; from now on Pillow reads HEIC files with it, upright."""
    try:
        importlib.import_module("pillow_heif").register_heif_opener()
    except ImportError:
        return False
    return True


def name_of(source: ImageLike) -> str:
    """Return what a message calls an image: its path where one is known."""
    name = getattr(source, "filename", "") if isinstance(source, Image.Image) else source
    if not name or not isinstance(name, str | os.PathLike):
        return "this image" if isinstance(source, Image.Image) else "this file"
    name = os.fspath(name)
    name = name if name.isprintable() else repr(name)  # a console cannot show every name
    return name if len(name) <= _LONGEST_NAME else f"{name[:80]} … {name[-80:]}"


def _head(source: str | Path | bytes) -> bytes:
    """Return the first bytes of a file."""
    if not isinstance(source, str | os.PathLike):
        return bytes(source[:200])
    with open(source, "rb") as file:
        return file.read(200)


def _check_path(path: str | Path) -> None:
    """Raise if there is no file, before it is opened: a pipe would keep its reader waiting until somebody writes.

    Raises:
        FileNotFoundError: there is nothing at this path.
        ValueError: there is something else than a file.
    """
    name = name_of(path)
    try:
        kind = os.stat(path).st_mode
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _explained(error, name) from error
    except ValueError as error:
        raise ValueError(f"{name} is not a path ({error}): no file can be called like this") from error
    if stat.S_ISDIR(kind):
        raise ValueError(f"{name} is a folder: give the image files in it, one by one")
    if not stat.S_ISREG(kind):
        raise ValueError(f"{name} is a pipe or a device, not a file: write what comes out of it to a file first")


def _explained(error: Exception, name: str) -> ValueError:
    """Return the error that says what is the matter, and what to do."""
    if isinstance(error, OSError) and error.errno is not None:  # the file system's; decoders give no number
        trouble = _PROBLEMS.get(error.errno, f"cannot be read ({error.strerror}): are the disk and the network well?")
        return ValueError(f"{name} {trouble}")
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        pixels, limit = (int(number) / 1e6 for number in re.findall(r"\d+", str(error))[:2])
        return ValueError(
            f"{name} is too large: {pixels:,.0f} megapixels, and Pillow opens up to {limit:,.0f}. Make it smaller; or, "
            "if you know where it comes from, raise PIL.Image.MAX_IMAGE_PIXELS"
        )
    if isinstance(error, MemoryError):
        return ValueError(f"{name} is too large for the memory that is left: make it smaller, or leave it out")
    return ValueError(f"{name} is damaged or cut off ({error}): download or copy it again")
