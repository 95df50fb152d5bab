"""A file becomes an RGB image, or one sentence that says why not.

path, bytes or image ─ decode ─▶ any kind, upright ─ convert ─▶ RGB
                          │
                          └─▶ damaged, cut off, no image at all: ValueError with a sentence
"""

from PIL import Image

from clip_tutor.images.decoding import ImageLike, decode, name_of
from clip_tutor.images.modes import is_see_through, kind_of, to_rgb


def load_image(source: ImageLike, convert: bool = False) -> Image.Image:
    """Return an image in RGB, the right way up, or say precisely why not.

    A photograph that was stored sideways is turned as its EXIF orientation says, and loses that mark. That holds for
    images that are already open, too; those without a mark stay as they are.

    Args:
        source: a path, the bytes of a file, or an image that Pillow has opened.
        convert: make RGB of an image of another kind: colors are converted, transparency is laid over white, numbers
            become shades (see `clip_tutor.images.modes.shades`), and an animation gives its first frame. Published
            preprocessing does so silently.

    Raises:
        FileNotFoundError: there is no such file.
        TypeError: the source is none of the three.
        ValueError: it is not an image, it is cut off or a single pixel wide, or it is not RGB and ``convert`` is off.

    >>> load_image(Image.new("RGB", (640, 480))).size
    (640, 480)
    """
    image, frames = decode(source)
    name = name_of(source)
    if min(image.size) < 2:
        raise ValueError(f"{name} is {image.width}×{image.height} pixels: there is nothing to see in it, leave it out")
    if image.mode == "RGB" and frames == 1 and not is_see_through(image):
        return image
    kind = kind_of(image, frames)
    if not convert:
        raise ValueError(f"{name} is {kind}, and towers read RGB: pass convert=True to make RGB of it")
    try:
        return to_rgb(image)
    except Exception as error:  # a palette, a profile or a transparent color that makes no sense
        raise ValueError(f"{name} is {kind}, and cannot be made RGB ({error}): save it anew as PNG or JPEG") from error
