"""The random crop is OpenCLIP's: the same chance gives the same pixels."""

import pytest
import torch
from torchvision.transforms import InterpolationMode, RandomResizedCrop

from clip_tutor.images import random_resized_crop, squash, to_tensor
from tests.images.examples import photograph


@pytest.mark.parametrize("size", [(320, 240), (65, 64), (48, 100), (100, 48), (90, 80), (10, 9)], ids=str)
def test_the_same_chance_gives_torchvisions_crop(size):
    image = photograph(*size)
    published = RandomResizedCrop(32, scale=(0.9, 1.0), interpolation=InterpolationMode.BICUBIC)
    for seed in range(5):
        torch.manual_seed(seed)
        theirs = to_tensor(published(image))
        ours = to_tensor(random_resized_crop(image, 32, torch.Generator().manual_seed(seed)))
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)


def test_a_seed_repeats_and_another_differs():
    image = photograph(90, 80)
    first, again, other = (
        to_tensor(random_resized_crop(image, 32, torch.Generator().manual_seed(seed))) for seed in (1, 1, 2)
    )
    assert (first == again).all()
    assert (first != other).any()


def test_never_mirrored():
    """A slope that rises to the right rises to the right in every crop."""
    for seed in range(20):
        crop = to_tensor(random_resized_crop(photograph(90, 80), 32, torch.Generator().manual_seed(seed)))
        assert crop[:, :, -8:].mean() > crop[:, :, :8].mean() + 0.2


def test_the_whole_image_may_be_asked_for():
    image = photograph(64, 64)
    whole = random_resized_crop(image, 32, scale=(1.0, 1.0), ratio=(1.0, 1.0))
    assert (to_tensor(whole) == to_tensor(squash(image, 32))).all()


@pytest.mark.parametrize("size", [(2, 97), (300, 2), (2, 2)], ids=str)
def test_an_image_of_any_shape_gives_a_crop(size):
    assert random_resized_crop(photograph(*size), 32).size == (32, 32)
