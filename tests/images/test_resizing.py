"""Resizing written out in torch gives the bytes of Pillow and of torchvision, at every size."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms.functional import resize as torchvision_resize
from torchvision.transforms.v2 import functional as v2

from clip_tutor.images import resize_pixels, resize_weights
from tests.images.examples import SIZES, photograph

# height, width: smaller, larger, one axis each way, a single pixel, unchanged in one axis
NEW_SIZES = [(64, 64), (224, 224), (31, 97), (97, 31), (5, 700), (1, 1), (64, 320), (2, 3)]
PILLOW = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
TORCHVISION = {"bicubic": InterpolationMode.BICUBIC, "bilinear": InterpolationMode.BILINEAR}

both_ways = pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])


def as_pixels(image: Image.Image) -> torch.Tensor:
    """(3, H, W) bytes."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


every_size = pytest.mark.parametrize("size", SIZES, ids=str)


@pytest.mark.slow
@both_ways
@every_size
def test_bytes_are_pillows_to_the_last_one(size, interpolation):
    image = photograph(*size)
    for height, width in NEW_SIZES:
        ours = resize_pixels(as_pixels(image), height, width, interpolation)
        assert (ours.shape, ours.dtype) == ((3, height, width), torch.uint8)
        across = image.resize((width, image.height), PILLOW[interpolation])  # which axis Pillow takes first varies
        assert (ours == as_pixels(across.resize((width, height), PILLOW[interpolation]))).all(), (height, width)


@both_ways
@every_size
def test_a_smaller_image_is_pillows_whichever_axis_it_takes_first(size, interpolation):
    """Rounding twice may differ by 1. (Enlarged, noise overshoots 0 and 255, and is cut off there at another time.)"""
    image = photograph(*size)
    smaller = (max(1, image.height // 3), max(1, image.width // 2))
    ours = resize_pixels(as_pixels(image), *smaller, interpolation)
    for theirs in (
        image.resize(smaller[::-1], PILLOW[interpolation]),
        torchvision_resize(image, smaller, TORCHVISION[interpolation]),
    ):
        assert (ours.int() - as_pixels(theirs).int()).abs().max() <= 1


@pytest.mark.slow
@both_ways
@every_size
def test_bytes_equal_torchvisions_on_tensors(size, interpolation):
    """Its first interface counts in floats and rounds once; its second in short whole numbers, one more off at most."""
    pixels = as_pixels(photograph(*size))
    for height, width in NEW_SIZES:
        theirs = torchvision_resize(pixels, [height, width], TORCHVISION[interpolation], antialias=True)
        ours = resize_pixels(pixels.float(), height, width, interpolation).round().clamp(0, 255)
        assert (ours - theirs).abs().max() <= 1
        theirs = v2.resize(pixels, [height, width], TORCHVISION[interpolation], antialias=True)
        difference = (resize_pixels(pixels, height, width, interpolation).int() - theirs.int()).abs()
        assert difference.max() <= 2
        assert (difference > 1).float().mean() < 0.001


@pytest.mark.slow
@both_ways
@pytest.mark.parametrize("size", [(320, 240), (65, 64), (641, 77), (2, 97)], ids=str)
def test_floats_equal_torchs_smoothed_resizing(size, interpolation):
    pixels = as_pixels(photograph(*size)).double() / 255
    for height, width in NEW_SIZES:
        theirs = F.interpolate(pixels[None], (height, width), mode=interpolation, antialias=True, align_corners=False)
        torch.testing.assert_close(resize_pixels(pixels, height, width, interpolation), theirs[0], atol=1e-9, rtol=0)


def test_bilinear_without_smoothing_is_plain_interpolate():
    pixels = as_pixels(photograph(101, 67)) / 255
    theirs = F.interpolate(pixels[None], (24, 40), mode="bilinear", align_corners=False)[0]
    torch.testing.assert_close(resize_pixels(pixels, 24, 40, "bilinear", antialias=False), theirs, atol=1e-5, rtol=0)


def test_bicubic_is_pillows_not_that_of_plain_interpolate():
    """Torch's plain bicubic has another free number than its smoothed one, which is Pillow's."""
    pixels = as_pixels(photograph(40, 40)) / 255
    ours = resize_pixels(pixels, 100, 100)
    smoothed = F.interpolate(pixels[None], (100, 100), mode="bicubic", antialias=True, align_corners=False)[0]
    plain = F.interpolate(pixels[None], (100, 100), mode="bicubic", align_corners=False)[0]
    torch.testing.assert_close(ours, smoothed, atol=2e-6, rtol=1e-5)
    assert (ours - plain).abs().max() > 5 / 255


@both_ways
@pytest.mark.parametrize(("old", "new"), [(8, 2), (2, 8), (7, 3), (5, 5), (1, 4), (4, 1), (97, 64)])
def test_each_new_pixel_shares_out_exactly_one(old, new, interpolation):
    weights = resize_weights(old, new, interpolation)
    assert weights.shape == (new, old)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(new).double())
    torch.testing.assert_close(weights, weights.flip(0, 1), msg="left and right must be treated alike")


def test_the_same_size_changes_nothing():
    torch.testing.assert_close(resize_weights(9, 9), torch.eye(9).double())
    pixels = as_pixels(photograph(9, 7))
    assert (resize_pixels(pixels, 7, 9) == pixels).all()


@both_ways
def test_smoothing_hears_every_pixel_and_its_absence_skips_some(interpolation):
    smoothed = resize_weights(64, 8, interpolation)
    skipping = resize_weights(64, 8, interpolation, antialias=False)
    assert (smoothed.abs().sum(dim=0) > 0).all()
    assert (skipping.abs().sum(dim=0) == 0).sum() >= 32


def test_batches_and_single_channels_are_resized_alike():
    batch = torch.stack([as_pixels(photograph(30, 20, seed=seed)) for seed in range(3)])
    together = resize_pixels(batch, 9, 11)
    assert together.shape == (3, 3, 9, 11)
    assert (together[1, 2] == resize_pixels(batch[1, 2], 9, 11)).all()


@pytest.mark.parametrize(("height", "width"), [(0, 5), (5, 0)])
def test_no_pixels_are_refused(height, width):
    with pytest.raises(ValueError, match=r"each side needs at least 1"):
        resize_pixels(torch.zeros(3, 8, 8), height, width)
    with pytest.raises(ValueError, match=r"each side needs at least 1"):
        resize_pixels(torch.zeros(3, height, width), 8, 8)
