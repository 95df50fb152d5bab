"""Images of numbers come out neither black nor white, and every mode that Pillow has becomes RGB."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from clip_tutor.images import load_image

SLOPE = np.linspace(0, 1, 12 * 10).reshape(10, 12)
GREY = np.repeat(np.round(SLOPE * 255)[:, :, None], 3, axis=2)


def opened(values: np.ndarray, format: str = "TIFF") -> np.ndarray:
    """(H, W, 3) shades of the image whose file holds these numbers."""
    file = io.BytesIO()
    Image.fromarray(values).save(file, format)
    return np.asarray(load_image(file.getvalue(), convert=True)).astype(int)


@pytest.mark.parametrize(
    "values",
    [
        SLOPE.astype(np.float32),
        (SLOPE * 255).astype(np.float32),
        (SLOPE * 1.2).astype(np.float32),
        (SLOPE * 3000 - 1000).astype(np.float32),
        (SLOPE * 255).round().astype(np.int32),
        (SLOPE * 65_535).astype(np.int32),
        (SLOPE * 1e9 - 5e8).astype(np.int32),
        (SLOPE * 65_535).astype(np.uint16),
        (SLOPE * 65_535).astype(">u2"),
    ],
    ids=lambda values: f"{values.dtype} {values.min():g} to {values.max():g}",
)
def test_the_slope_from_black_to_white_is_seen(values):
    assert np.abs(opened(values) - GREY).max() <= 1
    assert (load_image(Image.fromarray(values), convert=True).convert("L").getextrema()) == (0, 255)


def test_unsigned_numbers_of_32_bits_are_not_taken_for_negative_ones():
    """Pillow writes, and reads, numbers with a sign only: the file's tag says that these have none."""
    file = io.BytesIO()
    Image.fromarray((SLOPE * (2**32 - 1)).astype(np.uint32).view(np.int32)).save(file, "TIFF")
    signed, unsigned = (struct.pack("<HHIH", 339, 3, 1, kind) for kind in (2, 1))
    assert signed in file.getvalue()
    shades = np.asarray(load_image(file.getvalue().replace(signed, unsigned), convert=True)).astype(int)
    assert np.abs(shades - GREY).max() <= 1


def test_what_is_not_a_number_is_black_and_infinity_the_brightest():
    values = SLOPE.astype(np.float32)
    values[0, :3] = np.nan, np.inf, -np.inf
    shades = opened(values)
    assert shades[0, :3, 0].tolist() == [0, 255, 0]
    assert np.abs(shades[1:] - GREY[1:]).max() <= 1
    with pytest.raises(ValueError, match=r"floating-point numbers, and cannot be made RGB \(none of its pixels is"):
        opened(np.full((4, 4), np.nan, np.float32))


def test_sixteen_bits_are_what_they_were():
    values = (SLOPE * 65_535).astype(np.uint16)
    assert (opened(values, "PNG")[:, :, 0] == values // 256).all()
    assert (opened(values // 300, "PNG") == 0).all(), "a dark image of 16 bits is dark"


@pytest.mark.parametrize("mode", Image.MODES)
def test_every_mode_becomes_rgb(mode):
    if mode == "RGB":
        return
    image = Image.new(mode, (4, 4))
    with pytest.raises(ValueError, match=r"towers read RGB: pass convert=True"):
        load_image(image)
    assert (load_image(image, convert=True).mode, load_image(image, convert=True).size) == ("RGB", (4, 4))


def test_colors_multiplied_by_their_opacity_are_laid_over_white():
    assert load_image(Image.new("La", (4, 4), (64, 128)), convert=True).getpixel((0, 0)) == (191, 191, 191)


def test_the_transparent_number_of_sixteen_bits_shows_white():
    file = io.BytesIO()
    values = np.full((4, 4), 30_000, np.uint16)
    values[:2] = 100
    Image.fromarray(values).save(file, "PNG", transparency=100)
    assert np.asarray(load_image(file.getvalue(), convert=True))[:, 0, 0].tolist() == [255, 255, 117, 117]


def test_pages_are_not_called_an_animation():
    file = io.BytesIO()
    page = Image.new("RGB", (8, 8), "red")
    page.save(file, "TIFF", save_all=True, append_images=[Image.new("RGB", (8, 8))])
    with pytest.raises(ValueError, match="a file of several images, with 2 pages"):
        load_image(file.getvalue())
    assert (np.asarray(load_image(file.getvalue(), convert=True)) == [255, 0, 0]).all()
