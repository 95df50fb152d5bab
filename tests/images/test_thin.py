"""A file of 289 bytes that holds a long thin image costs neither gigabytes nor seconds; others stay as they are."""

import time

import numpy as np
import pytest
import torch
from PIL import Image

from clip_tutor.images import (
    ALIGN_PREPROCESSING,
    CLIP_PREPROCESSING,
    SIGLIP_PREPROCESSING,
    center_crop,
    random_resized_crop,
    resize,
    resize_and_crop,
)
from clip_tutor.images import preprocessing as preprocessing_module
from clip_tutor.images.naflex import pad_patches
from tests.images.examples import SIZES, photograph

THIN = [(2, 20_000), (20_000, 2), (2, 300_000), (300_000, 2), (3, 3_000_000)]


@pytest.mark.parametrize("size", THIN, ids=str)
def test_a_thin_image_is_prepared_at_once(size):
    image = Image.new("RGB", size, "red")
    began = time.perf_counter()
    red = torch.tensor([1.0, 0, 0]).view(3, 1, 1)
    for preprocessing in (CLIP_PREPROCESSING, SIGLIP_PREPROCESSING, ALIGN_PREPROCESSING):
        assert (preprocessing.pixels(image, 224) == red).all()
    assert random_resized_crop(image, 224).size == (224, 224)
    assert random_resized_crop(image, 224, scale=(0.5, 1), ratio=(1e-4, 1e4)).size == (224, 224)
    assert pad_patches([image]).mask.any()
    assert time.perf_counter() - began < 3, "20 s before the middle alone was made"


def test_the_whole_of_a_thin_image_is_refused():
    with pytest.raises(ValueError, match=r"of 2×20000 pixels would become 224×2,240,000: .* resize_and_crop makes"):
        resize(Image.new("RGB", (2, 20_000)), 224)


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("size", [*SIZES, (2, 200), (900, 7)], ids=str)
def test_sound_images_are_resized_whole_and_then_cropped(size, interpolation):
    for target, crop in ((64, 64), (224, 224), (65, 64), (32, 20), (20, 32)):
        plain = center_crop(resize(photograph(*size), target, interpolation), crop)
        assert np.array_equal(resize_and_crop(photograph(*size), target, crop, interpolation), plain)


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("size", [*SIZES, (2, 200), (900, 7)], ids=str)
def test_the_middle_alone_is_that_of_the_whole(size, interpolation, monkeypatch):
    image = photograph(*size).point(lambda shade: 64 + shade // 2)  # so that bicubic has nothing to cut off
    for target, crop in ((64, 64), (65, 64), (32, 20), (20, 32)):
        whole = np.asarray(center_crop(resize(image, target, interpolation), crop)).astype(int)
        monkeypatch.setattr(preprocessing_module, "LARGE", 0)
        middle = np.asarray(resize_and_crop(image, target, crop, interpolation)).astype(int)
        monkeypatch.undo()
        assert np.abs(middle - whole).max() <= 1, (target, crop)
