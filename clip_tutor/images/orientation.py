"""Which way up: a camera stores what its sensor saw, and a mark beside it says how the image is to be turned.

    1  as it is          3  upside down         6  a quarter turn clockwise           5  7  a quarter turn
    2  mirrored          4  upside down and     8  a quarter turn counterclockwise          and mirrored
                            mirrored

The mark is the tag *orientation* of the EXIF data, which JPEG, PNG, WebP, AVIF and TIFF files can carry. Nearly every
photograph that a telephone takes upright has mark 6. Pillow decodes most files without looking at it.
"""

from PIL import ExifTags, Image

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_MARKS = ("exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp")  # where Pillow keeps what may hold the tag


def upright(image: Image.Image) -> Image.Image:
    """Return the image turned as its EXIF orientation says, without the mark; or the image itself, if it has none.

    A mark that cannot be read, or that is none of the eight, says nothing: the image stays as it is stored.
    """
    try:
        turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # EXIF data are written by thousands of programs, and damaged ones break Pillow in many ways
        return image
    if turn is None:
        return image
    turned = image.transpose(turn)
    for mark in _MARKS:  # or the next one who opens the image would turn it once more
        turned.info.pop(mark, None)
    return turned
