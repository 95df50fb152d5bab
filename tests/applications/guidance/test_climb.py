"""The climb raises the similarity, leaves the model as it is, and refuses what cannot be climbed."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from clip_tutor.applications.guidance import (
    HELPED,
    ClimbConfig,
    FourierImage,
    PixelImage,
    augment,
    climb,
    cutouts,
    guidance_loss,
    similarities,
    spherical_distance,
    total_variation,
)
from clip_tutor.model import CLIP, CLIPConfig
from clip_tutor.towers import TextConfig, ViTConfig

SIZE, E = 16, 8


@pytest.fixture(scope="module")
def model() -> CLIP:
    torch.manual_seed(0)
    vision, text = ViTConfig(SIZE, 8, width=16, layers=1, heads=2), TextConfig(64, 8, width=16, layers=1, heads=2)
    return CLIP(CLIPConfig(E, vision, text)).eval()


@pytest.fixture
def caption() -> torch.Tensor:
    return torch.randn(E, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("form", [PixelImage, FourierImage])
@pytest.mark.parametrize("config", [ClimbConfig(20, 0.05), ClimbConfig(20, 0.1, 8, augmented=True, variation=0.1)])
def test_the_similarity_rises(model: CLIP, caption: torch.Tensor, form, config: ClimbConfig):
    film = climb(form(24, batch=2), model, caption, config, look_every=8)
    assert [one.step for one in film] == [0, 8, 16, 20]
    assert bool((film[-1].similarity > film[0].similarity + 0.05).all())
    assert film[-1].pixels.shape == (2, 3, 24, 24) and 0 <= film[-1].pixels.min() < film[-1].pixels.max() <= 1


def test_each_image_can_have_a_caption_of_its_own(model: CLIP):
    captions = torch.randn(2, E, generator=torch.Generator().manual_seed(2))
    film = climb(PixelImage(SIZE, batch=2), model, captions, ClimbConfig(20, cutouts=3))
    own, swapped = film[-1].similarity, similarities(model, film[-1].pixels.flip(0), captions)
    assert bool((own > film[0].similarity).all()) and bool((own > swapped).all())


def test_the_same_seed_gives_the_same_film(model: CLIP, caption: torch.Tensor):
    films = [climb(PixelImage(24), model, caption, ClimbConfig(3, cutouts=2, seed=seed)) for seed in (0, 0, 1)]
    assert torch.equal(films[0][-1].pixels, films[1][-1].pixels)
    assert not torch.equal(films[0][-1].pixels, films[2][-1].pixels)


def test_the_model_stays_as_it_is(model: CLIP, caption: torch.Tensor):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    climb(PixelImage(24), model, caption, ClimbConfig(3, cutouts=2))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_the_loss_is_the_mean_distance_of_the_cutouts_and_the_price_of_variation(model: CLIP, caption: torch.Tensor):
    pixels = torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(3))
    config = ClimbConfig(cutouts=3, variation=0.7)
    found = guidance_loss(pixels, model, caption, config, torch.Generator().manual_seed(4))
    views = cutouts(pixels, 3, SIZE, generator=torch.Generator().manual_seed(4))
    features = model.encode_image(model.config.preprocessing.normalize(views))
    expected = spherical_distance(features, caption).mean() + 0.7 * total_variation(pixels).mean()
    torch.testing.assert_close(found, expected)


def test_without_cutouts_the_whole_image_is_shown(model: CLIP, caption: torch.Tensor):
    pixels = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    features = model.encode_image(model.config.preprocessing.normalize(F.avg_pool2d(pixels, 2)))
    expected = spherical_distance(features, caption).mean()
    torch.testing.assert_close(guidance_loss(pixels, model, caption, ClimbConfig()), expected)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"steps": 0}, "steps is 0, and must be at least 1"),
        ({"cutouts": -1}, "cutouts is -1, and must be at least 0"),
        ({"variation": -0.5}, "variation is -0.5, and must be at least 0"),
        ({"lr": 0.0}, "lr is 0.0, and must be above 0"),
        ({"cut_power": 0}, "cut_power is 0, and must be above 0"),
    ],
)
def test_a_setting_that_no_climb_could_use_is_refused(settings, said: str):
    with pytest.raises(ValueError, match=said):
        ClimbConfig(**settings)


def test_a_caption_of_another_clip_is_refused(model: CLIP):
    for caption in (torch.ones(512), torch.ones(1, 2, E)):
        with pytest.raises(ValueError, match=r"this model's are \(8,\): encode the caption with the model"):
            climb(PixelImage(SIZE), model, caption)


def test_captions_and_images_that_are_not_as_many_are_refused(model: CLIP):
    with pytest.raises(ValueError, match="3 captions for 2 images: give one for each, or one for all"):
        climb(PixelImage(24, batch=2), model, torch.ones(3, E))


def test_an_image_that_is_too_small_is_refused(model: CLIP, caption: torch.Tensor):
    with pytest.raises(ValueError, match=r"16 pixels does not fit into an image of 12 × 12"):
        climb(PixelImage(12), model, caption, HELPED)


def test_an_image_with_nothing_to_train_is_refused(model: CLIP, caption: torch.Tensor):
    with pytest.raises(ValueError, match="Identity has no parameter to train: put the pixels"):
        climb(nn.Identity(), model, caption)


def test_each_image_is_compared_with_its_own_caption(model: CLIP):
    """The loss of two images is the mean of their losses, each alone: of flat ones, all cut-outs are alike."""
    pixels = torch.tensor([0.2, 0.9])[:, None, None, None].expand(2, 3, 24, 24)
    captions = torch.randn(2, E, generator=torch.Generator().manual_seed(2))
    config = ClimbConfig(cutouts=3)
    both = guidance_loss(pixels, model, captions, config)
    alone = [guidance_loss(pixels[n : n + 1], model, captions[n], config) for n in range(2)]
    torch.testing.assert_close(both, torch.stack(alone).mean())
    assert abs(guidance_loss(pixels, model, captions.flip(0), config) - both) > 1e-3


def test_augmented_views_are_what_the_model_is_shown(model: CLIP, caption: torch.Tensor):
    pixels = torch.rand(1, 3, 24, 24, generator=torch.Generator().manual_seed(3))
    config, random = ClimbConfig(cutouts=2, augmented=True), torch.Generator().manual_seed(4)
    found = guidance_loss(pixels, model, caption, config, torch.Generator().manual_seed(4))
    views = augment(cutouts(pixels, 2, SIZE, generator=random), random)
    features = model.encode_image(model.config.preprocessing.normalize(views))
    torch.testing.assert_close(found, spherical_distance(features, caption).mean())
