"""Every odd file gets a sentence or the right image."""

import errno
import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from clip_tutor.images import load_image, preprocess
from tests.images.examples import photograph


def as_bytes(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "BMP"])
def test_an_rgb_image_is_opened_from_anywhere(tmp_path, format):
    path = tmp_path / "image"
    path.write_bytes(as_bytes(photograph(9, 7), format))
    expected = np.asarray(Image.open(path).convert("RGB"))
    for source in (path, str(path), path.read_bytes(), Image.open(path)):
        opened = load_image(source)
        assert (opened.mode, opened.size) == ("RGB", (9, 7))
        assert (np.asarray(opened) == expected).all()


def test_an_rgb_image_in_memory_is_given_back_as_it_is():
    image = photograph(9, 7)
    assert load_image(image) is image


def greyscale_of_16_bits() -> Image.Image:
    return Image.fromarray(np.linspace(0, 65_535, 12 * 10).reshape(10, 12).astype(np.uint16))


def half_transparent_red(mode: str = "RGBA") -> Image.Image:
    return Image.new("RGBA", (8, 8), (255, 0, 0, 128)).convert(mode)


def palette_with_a_hole() -> bytes:
    """Left half: color 0, blue. Right half: color 1, of which the file says that it is transparent."""
    image = Image.new("P", (8, 8), 0)
    image.putpalette([0, 0, 255, 255, 0, 0])
    image.paste(1, (4, 0, 8, 8))
    return as_bytes(image, transparency=1)


def animation() -> bytes:
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "lime", "blue")]
    return as_bytes(frames[0], "GIF", save_all=True, append_images=frames[1:])


@pytest.mark.parametrize(
    ("source", "what"),
    [
        (as_bytes(photograph(8, 8, "L")), "greyscale"),
        (as_bytes(photograph(8, 8, "1")), "black and white"),
        (as_bytes(greyscale_of_16_bits()), "greyscale of 16 bits"),
        (as_bytes(photograph(8, 8, "CMYK"), "JPEG"), r"CMYK \(for print\)"),
        (as_bytes(photograph(8, 8, "P")), "palette"),
        (palette_with_a_hole(), "palette with transparency"),
        (as_bytes(half_transparent_red()), "transparent"),
        (as_bytes(half_transparent_red("LA")), "LA with transparency"),
        (animation(), "animated, with 3 frames"),
    ],
)
def test_an_image_of_another_kind_is_named_and_converted_on_request(source, what):
    with pytest.raises(ValueError, match=rf"this file is {what}, and towers read RGB: pass convert=True to make RGB"):
        load_image(source)
    converted = load_image(source, convert=True)
    assert converted.mode == "RGB"
    assert preprocess(source, 16, convert=True).shape == (3, 16, 16)


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK"])
def test_conversion_keeps_the_colors(mode):
    image = photograph(12, 10, mode)
    expected = np.asarray(image.convert("RGB"))
    assert (np.asarray(load_image(image, convert=True)) == expected).all()


def test_conversion_of_16_bits_keeps_the_shades():
    converted = np.asarray(load_image(as_bytes(greyscale_of_16_bits()), convert=True)).astype(int)
    assert np.abs(converted - np.linspace(0, 255, 12 * 10).reshape(10, 12, 1)).max() <= 1


def test_transparency_is_laid_over_white():
    rose = np.asarray(load_image(half_transparent_red(), convert=True))
    assert (np.abs(rose.astype(int) - [255, 127, 127]) <= 1).all()
    holed = np.asarray(load_image(palette_with_a_hole(), convert=True))
    assert (holed[:, :4] == [0, 0, 255]).all()
    assert (holed[:, 4:] == 255).all(), "what is transparent shows white, not the color beneath"


def test_an_animation_gives_its_first_frame():
    assert (np.asarray(load_image(animation(), convert=True)) == [255, 0, 0]).all()


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
def test_a_file_that_is_cut_off_says_so(tmp_path, format):
    path = tmp_path / "cut.image"
    whole = as_bytes(photograph(60, 40), format)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"cut.image is damaged or cut off \(.*\): download or copy it again"):
        load_image(path, convert=True)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.7, 0.95])
@pytest.mark.parametrize("format", ["GIF", "TIFF", "WEBP", "PNG"])
def test_an_animation_that_is_cut_off_gives_its_first_frame_or_a_sentence(format, share):
    frames = [photograph(30, 30, seed=seed) for seed in range(4)]
    whole = as_bytes(frames[0], format, save_all=True, append_images=frames[1:])
    try:
        assert load_image(whole[: int(share * len(whole))], convert=True).size == (30, 30)
    except ValueError as error:
        assert "this file is damaged or cut off" in str(error) or "is not an image" in str(error)


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1)])
def test_a_single_pixel_is_refused(size):
    with pytest.raises(ValueError, match=rf"this file is {size[0]}×{size[1]} pixels: there is nothing to see in it"):
        load_image(as_bytes(Image.new("RGB", size)), convert=True)


@pytest.mark.parametrize("content", [b"", b"once upon a time", b"\x89PNG", bytes(1000), b"<svg></svg>"])
def test_what_is_not_an_image_is_refused(tmp_path, content):
    (tmp_path / "notes.txt").write_bytes(content)
    message = "is not an image that can be read: give a PNG, JPEG, WebP or GIF file"
    with pytest.raises(ValueError, match=f"notes.txt {message}"):
        load_image(tmp_path / "notes.txt", convert=True)
    with pytest.raises(ValueError, match=f"this file {message}"):
        load_image(content)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "an HEIC photograph"),
        (b"\xff\x0a" + bytes(20), "a JPEG XL file"),
        (b"%PDF-1.7\n", "a PDF file"),
        (b'<?xml version="1.0"?>\n<svg width="3">', "a drawing"),
        (b"\n<!DOCTYPE html>\n<html>", "a web page, not the image on it"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"", "empty: copy or download it again"),
    ],
    ids=lambda kind: kind if isinstance(kind, str) else "",
)
def test_what_is_often_taken_for_an_image_is_called_by_its_name(tmp_path, content, kind):
    (tmp_path / "photo.jpg").write_bytes(content)
    for source in (tmp_path / "photo.jpg", content):
        with pytest.raises(ValueError, match=f"give a PNG, JPEG, WebP or GIF file; this one is {kind}"):
            load_image(source)


def test_a_missing_file_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"cat\.png"):
        load_image(tmp_path / "cat.png")


def test_an_image_of_many_megapixels_is_too_large_and_not_damaged(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2_000_000)
    with pytest.raises(
        ValueError, match=r"too large: 9 megapixels, and Pillow opens up to 4\. .*raise PIL\.Image\.MAX"
    ):
        load_image(as_bytes(Image.new("1", (3000, 3000))), convert=True)


def what_is_no_file(folder: Path) -> dict[str, object]:
    """Paths at which nothing can be opened, and what is said of each."""
    (folder / "folder.jpg").mkdir()
    (folder / "loop.jpg").symlink_to(folder / "loop.jpg")
    os.mkfifo(folder / "pipe.jpg")
    (folder / "a.jpg").write_bytes(b"")
    return {
        "folder.jpg is a folder: give the image files in it": folder / "folder.jpg",
        "loop.jpg is a symbolic link that leads back to itself": folder / "loop.jpg",
        "pipe.jpg is a pipe or a device, not a file": folder / "pipe.jpg",
        "/dev/zero is a pipe or a device, not a file": "/dev/zero",
        "a.jpg/b.jpg cannot be opened: a part of this path is a file": folder / "a.jpg" / "b.jpg",
        "a.jpg is not an image .*; this one is empty": folder / "a.jpg",
        "a+ … a+ is a longer name than the file system allows": "a" * 5000,
        r"'a\\x00b' is not a path": "a\0b",
    }


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
def test_what_is_no_file_is_called_what_it_is(tmp_path):
    for message, path in what_is_no_file(tmp_path).items():
        with pytest.raises(ValueError, match=message) as caught:
            load_image(path)
        assert "damaged" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "may not be read: ask its owner"),
        (OSError(errno.EIO, "Input/output error"), r"cannot be read \(Input/output error\)"),
        (MemoryError(), "is too large for the memory that is left"),
        (RuntimeError("Decoding of color planes failed"), r"is damaged or cut off \(Decoding of color planes failed\)"),
        (AttributeError("fp"), r"is damaged or cut off \(fp\)"),
    ],
    ids=repr,
)
def test_whatever_a_decoder_raises_is_a_sentence_about_this_file(tmp_path, monkeypatch, error, message):
    def fails(self: object) -> None:
        raise error

    (tmp_path / "odd.png").write_bytes(as_bytes(photograph(9, 7)))
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", fails)
    with pytest.raises(ValueError, match=f"odd.png {message}"):
        load_image(tmp_path / "odd.png")


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    "format", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "ICO", "PPM", "TGA", "PCX", "DDS", "SGI"]
)
def test_random_damage_gives_an_image_or_a_sentence(format, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100_000)  # damaged sizes can be very large
    whole, chance = as_bytes(photograph(20, 16), format), np.random.default_rng(0)
    for _ in range(60):
        data = bytearray(whole)
        for place in chance.integers(0, min(len(data), 200), 3):
            data[place] = chance.integers(256)
        try:
            assert load_image(bytes(data), convert=True).mode == "RGB"
        except ValueError as error:
            assert str(error).startswith("this file is")


def test_a_format_that_needs_another_program_is_not_called_damaged():
    with pytest.raises(ValueError, match=r"of the kind HDF5, which cannot be decoded here .*: save it as PNG or JPEG"):
        load_image(b"\x89HDF\r\n\x1a\n" + bytes(100))


@pytest.mark.parametrize("source", [None, 3, np.zeros((4, 4, 3), np.uint8), ["a.jpg"]], ids=lambda s: type(s).__name__)
def test_what_is_neither_path_nor_bytes_nor_image_is_refused(source):
    with pytest.raises(TypeError, match=f"an image is a path, .*, and this is {type(source).__name__}"):
        load_image(source)
