"""A photograph that was stored sideways is seen the right way up, whatever file it lies in and however it is opened."""

import io
import struct

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps, features

from clip_tutor.images import load_image, preprocess
from clip_tutor.images.naflex import pad_patches

UPRIGHT = Image.new("RGB", (24, 48), "blue")
UPRIGHT.paste("red", (0, 0, 24, 24))
UPRIGHT.paste("lime", (0, 0, 12, 24))
# How a camera lays the upright image down before it writes the mark: what the mark undoes.
LAID_DOWN = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
FORMATS = ["JPEG", "PNG", "WEBP", "TIFF", "MPO"] + (["AVIF"] if features.check("avif") else [])


def photographed(orientation: int, format: str = "PNG", stored: Image.Image | None = None) -> bytes:
    """The bytes of a file that carries the mark."""
    stored = stored or (UPRIGHT.transpose(LAID_DOWN[orientation]) if orientation in LAID_DOWN else UPRIGHT)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    file = io.BytesIO()
    stored.save(file, format, exif=exif)
    return file.getvalue()


def assert_upright(image: Image.Image) -> None:
    assert image.size == UPRIGHT.size
    assert np.abs(np.asarray(image).astype(int) - np.asarray(UPRIGHT)).mean() < 12, "JPEG and AVIF blur the borders"


@pytest.mark.parametrize("format", FORMATS)
def test_all_eight_orientations_are_undone(format):
    for orientation in range(1, 9):
        data = photographed(orientation, format)
        assert_upright(load_image(data))
        assert_upright(load_image(Image.open(io.BytesIO(data))))


def test_a_turned_image_is_pillows_and_is_not_turned_again():
    data = photographed(6)
    once = load_image(data)
    assert (np.asarray(once) == np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))).all()
    assert load_image(once) is once
    assert not once.getexif()


def test_files_of_other_modes_are_turned_too(tmp_path):
    (tmp_path / "grey.png").write_bytes(photographed(6, stored=UPRIGHT.convert("L").transpose(LAID_DOWN[6])))
    grey = load_image(tmp_path / "grey.png", convert=True)
    assert (np.asarray(grey) == np.asarray(UPRIGHT.convert("L").convert("RGB"))).all()


def test_preprocessing_and_packing_see_it_upright():
    data = photographed(8)
    assert (preprocess(data, 16) == preprocess(UPRIGHT, 16)).all()
    assert pad_patches([data], patch_size=8, max_patches=20).shapes.tolist() == [[6, 3]]
    assert (pad_patches(data).patches == pad_patches([UPRIGHT]).patches).all(), "a single image is a batch of one"


SHORT, ASCII, LONG, RATIONAL = 3, 2, 4, 5  # kinds of values in EXIF data


@pytest.mark.parametrize(
    ("kind", "count", "value"),
    [
        *[(SHORT, 1, struct.pack("<HH", number, 0)) for number in (0, 9, 65_535)],
        (LONG, 1, struct.pack("<I", 2**32 - 1)),
        (ASCII, 4, b"six\0"),
        (SHORT, 0, bytes(4)),
        (SHORT, 2**31, bytes(4)),
        (RATIONAL, 1, struct.pack("<I", 10_000)),
        (99, 1, struct.pack("<HH", 6, 0)),
    ],
    ids=repr,
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_mark_that_means_nothing_turns_nothing(kind, count, value):
    tag = struct.pack("<HHI", ExifTags.Base.Orientation, kind, count) + value
    assert_upright(load_image(with_exif(b"II*\0\x08\0\0\0\x01\0" + tag + bytes(4))))


def test_a_mark_is_read_whichever_way_round_its_numbers_are():
    tag = struct.pack(">HHIHH", ExifTags.Base.Orientation, SHORT, 1, 3, 0)
    turned = load_image(with_exif(b"MM\0*\0\0\0\x08\0\x01" + tag + bytes(4)))
    assert_upright(turned.transpose(Image.Transpose.ROTATE_180))


def with_exif(exif: bytes) -> bytes:
    """The upright image in a file with these EXIF data."""
    file = io.BytesIO()
    UPRIGHT.save(file, "JPEG", exif=b"Exif\0\0" + exif)
    return file.getvalue()


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"Exif",
        b"Exif\0\0",
        b"Exif\0\0nonsense that is no TIFF",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x09\x01",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0" + bytes(60_000),
    ],
    ids=repr,
)
def test_damaged_exif_turns_nothing(exif):
    for format in ("JPEG", "PNG", "WEBP"):
        file = io.BytesIO()
        UPRIGHT.save(file, format, exif=exif)
        assert_upright(load_image(file.getvalue()))
