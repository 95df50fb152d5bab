"""The recipes of notebook 03 are what the library and common mistakes make, and one tensor tells them apart."""

import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_image

from clip_tutor import images
from clip_tutor.lessons.nb03_pixels.exercises.cropping import resize_and_crop
from clip_tutor.lessons.nb03_pixels.exercises.diagnosis import diagnose
from clip_tutor.lessons.nb03_pixels.exercises.whole import preprocess
from clip_tutor.lessons.nb03_pixels.recipes import RECIPES

CLIPS = images.CLIP_PREPROCESSING.normalize
MEANT = {
    "CLIP's mean and std": CLIPS,
    "ImageNet's": images.CLIPA_PREPROCESSING.normalize,
    "0.5 and 0.5": images.SIGLIP_PREPROCESSING.normalize,
    "none, 0 to 1": lambda pixels: pixels,
    "CLIP's, blue first": lambda pixels: CLIPS(pixels.flip(-3)).flip(-3),
    "normalized twice": lambda pixels: CLIPS(CLIPS(pixels)),
    "divided by 255 twice": lambda pixels: CLIPS(pixels / 255),
    "never divided by 255": lambda pixels: CLIPS(pixels * 255),
}


@pytest.fixture(scope="module")
def flower() -> Image.Image:
    return Image.fromarray(load_sample_image("flower.jpg"))


def test_each_recipe_is_the_way_it_is_named_after():
    pixels = torch.rand(2, 3, 5, 6)
    assert list(RECIPES) == list(MEANT)
    for name, recipe in RECIPES.items():
        torch.testing.assert_close(recipe.of_shades(pixels), MEANT[name](pixels), rtol=1e-5, atol=1e-4, msg=name)


@pytest.mark.parametrize(
    ("preset", "name"),
    [
        (images.CLIP_PREPROCESSING, "CLIP's mean and std"),
        (images.CLIPA_PREPROCESSING, "ImageNet's"),
        (images.SIGLIP_PREPROCESSING, "0.5 and 0.5"),
        (images.ALIGN_PREPROCESSING, "0.5 and 0.5"),
    ],
)
def test_a_tensor_of_the_library_tells_its_preset(preset: images.Preprocessing, name: str, flower: Image.Image):
    assert diagnose(preset(flower, 64), RECIPES) == name


def test_what_was_resized_in_floats_holds_no_bytes(flower: Image.Image):
    assert diagnose(preprocess(flower, 64), RECIPES) == "none"


@pytest.mark.parametrize("size", [64, 224])
def test_the_parts_together_are_the_librarys_but_for_the_rounding_to_bytes(size: int, flower: Image.Image):
    for image in (flower, flower.rotate(90, expand=True)):
        apart = (resize_and_crop(images.to_tensor(image), size) - images.CLIP_PREPROCESSING.pixels(image, size)).abs()
        assert apart.mean() < 0.5 / 255 and apart.max() < 8 / 255, "Pillow also clips between rows and columns"
        normalized = (preprocess(image, size) - images.preprocess(image, size)).abs()
        assert normalized.mean() < 0.5 / 255 / min(images.CLIP_STD)
