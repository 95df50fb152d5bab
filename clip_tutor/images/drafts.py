"""Large JPEG files, decoded to no more pixels than are needed."""

from PIL import Image

from clip_tutor.images.decoding import ImageLike, identify


def draft_decode(source: ImageLike, size: int) -> ImageLike:
    """Return a JPEG opened so that it decodes to a half, a quarter or an eighth, both sides at least ``size``.

    Its blocks of 8 × 8 numbers need not be written out in full: a photograph of 1600 × 1200 pixels takes a fifth of
    the time (``test_a_large_jpeg_is_decoded_small``).
    """
    if isinstance(source, Image.Image):
        return source
    try:
        image = identify(source)
        image.draft(None, (size, size))
    except Exception:  # whatever it is, `load_image` finds it again and has a sentence for it
        return source
    return image
