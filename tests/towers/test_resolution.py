"""Another image size: positions are stretched as OpenCLIP stretches them, and nothing else of a model changes."""

from dataclasses import replace

import pytest
import torch
from open_clip import model as open_clip_model

from clip_tutor import zoo
from clip_tutor.model import CLIP, CLIPConfig
from clip_tutor.towers import (
    ConvNeXtConfig,
    EfficientNetConfig,
    NaFlexConfig,
    NFNetConfig,
    ResNetConfig,
    TextConfig,
    ViTConfig,
)
from clip_tutor.towers.resolution import resize_pos_embed
from clip_tutor.training.groups import freeze

TEXT = TextConfig(60, 8, 16, layers=1, heads=2)
VISION = {  # config; sizes, and the number of positions that each needs
    "ViT": (ViTConfig(32, 16, 16, layers=1, heads=2), {32: 5, 48: 10, 16: 2}),
    "ViT with a stem": (ViTConfig(32, 16, 16, layers=1, heads=2, stem_channels=(4, 4, 8)), {32: 5, 64: 17}),
    "SigLIP": (ViTConfig(32, 14, 16, layers=1, heads=2, ln_pre=False, patch_bias=True, pool="map"), {42: 9, 50: 9}),
    "NaFlex": (NaFlexConfig(16, 2, 16, layers=1, heads=2, mlp_width=32), {32: 4, 64: 16}),
    "ResNet": (ResNetConfig(64, (1, 1, 1, 1), width=8, heads=4), {64: 5, 96: 10, 32: 2}),
    "ResNet without": (ResNetConfig(64, (1, 1, 1, 1), width=8, attention_pool=False), {96: None}),
    "ConvNeXt": (ConvNeXtConfig(32, (1, 1, 1, 1), (4, 8, 8, 16)), {64: None}),
    "EfficientNet": (EfficientNetConfig(64, width=0.25), {96: None, 75: None}),
    "NFNet": (NFNetConfig(32, (1, 1, 1, 1), (16, 16, 16, 16), 16, group_width=8), {64: None}),
}


class Visual:
    """As much of an OpenCLIP model as its function looks at."""

    def __init__(self, grid):
        self.visual, self.grid_size = self, (grid, grid)


def clip(vision, seed=0):
    torch.manual_seed(seed)
    return CLIP(CLIPConfig(16, vision, TEXT)).eval()


@pytest.mark.parametrize(("old", "new"), [(16, 24), (7, 9), (14, 10), (4, 2)])
def test_positions_are_stretched_as_open_clip_does(old, new):
    positions = torch.randn(1 + old * old, 32, generator=torch.Generator().manual_seed(0))
    theirs = {"visual.positional_embedding": positions.clone()}
    open_clip_model.resize_pos_embed(theirs, Visual(new))
    ours = resize_pos_embed(positions, new)
    torch.testing.assert_close(ours, theirs["visual.positional_embedding"], atol=1e-5, rtol=0)
    assert torch.equal(ours[0], positions[0]), "the class token keeps its own"
    torch.testing.assert_close(resize_pos_embed(positions[1:], new), ours[1:])


def test_a_grid_can_become_one_place():
    down = torch.tensor([0.0, 1.0, 2.0]).repeat_interleave(3)  # a ramp from row to row
    across = torch.tensor([0.0, 1.0, 2.0]).repeat(3)
    positions = torch.stack([down, across, torch.ones(9), torch.eye(9)[4], torch.eye(9)[0]], dim=1)  # (9, 5)
    place = resize_pos_embed(positions, 1)[0]
    torch.testing.assert_close(place[:3], torch.ones(3))  # the middle of each ramp
    assert place[3] > place[4] > 0, "every place is heard, the middle most"


def test_the_published_case():
    """ViT-L/14 at 336 pixels is ViT-L/14@336px; one layer is as good as 24 for the numbers."""
    whole, published = zoo.MODELS["ViT-L/14"], zoo.MODELS["ViT-L/14@336px"]
    with torch.device("meta"):
        assert CLIP(whole).at_image_size(336).config == published
    small = replace(whole, vision=replace(whole.vision, layers=1), text=replace(whole.text, layers=1, vocab_size=100))
    model = CLIP(small)
    larger = model.at_image_size(336)
    assert larger.config.vision == replace(published.vision, layers=1)
    theirs = {"visual.positional_embedding": model.image_tower.pos_embed.detach()}
    open_clip_model.resize_pos_embed(theirs, Visual(24))
    torch.testing.assert_close(
        larger.image_tower.pos_embed.detach(), theirs["visual.positional_embedding"], atol=1e-5, rtol=0
    )
    assert larger.encode_image(torch.zeros(1, 3, 336, 336)).shape == (1, 768)


@pytest.mark.slow
@pytest.mark.parametrize("name", VISION)
def test_a_model_reads_the_new_size_and_is_otherwise_the_same(name):
    vision, sizes = VISION[name]
    model = clip(vision)
    for size, rows in sizes.items():
        other = model.at_image_size(size)
        assert other.image_tower.config == other.config.vision
        fresh = CLIP(other.config)
        fresh.load_state_dict(other.state_dict())  # its config describes it
        for key, tensor in model.state_dict().items():
            if "image_tower." in key and key.endswith("pos_embed"):
                assert len(other.state_dict()[key]) == rows
            else:
                assert torch.equal(tensor, other.state_dict()[key]), key
            assert tensor.data_ptr() != other.state_dict()[key].data_ptr(), "a copy"
        pixels = torch.rand(2, 3, size, size)
        assert torch.equal(other.encode_image(pixels), fresh.eval().encode_image(pixels))


def test_naflex_gives_the_vectors_that_it_gave_at_this_size():
    model, pixels = clip(VISION["NaFlex"][0]), torch.rand(2, 3, 96, 96)
    other = model.at_image_size(96)
    assert other.config.vision.image_size == 96
    torch.testing.assert_close(other.encode_image(pixels), model.encode_image(pixels), atol=1e-6, rtol=1e-5)


def test_modes_layout_and_frozen_towers_are_kept():
    model = clip(VISION["ViT"][0]).to(torch.float64).train()
    freeze(model, "image")
    random = torch.get_rng_state()
    other = model.at_image_size(64)
    assert torch.equal(torch.get_rng_state(), random), "nothing is drawn"
    assert other.training
    assert other.image_tower.pos_embed.dtype == torch.float64
    assert not any(parameter.requires_grad for parameter in other.image_tower.parameters())
    assert all(parameter.requires_grad for parameter in other.text_tower.parameters())
    assert model.config.vision.image_size == model.image_tower.config.image_size == 32


def test_the_crop_shows_the_same_part_of_an_image():
    with torch.device("meta"):
        align = zoo.create("ALIGN-base")
        other = align.at_image_size(2 * 289)
    assert align.config.preprocessing.resize_to == 346
    assert other.config.preprocessing.resize_to == 692


@pytest.mark.parametrize(
    ("name", "size", "advice"),
    [
        ("ViT", 100, "take 96 or 112 pixels"),
        ("ViT", 8, "take 16 pixels"),
        ("SigLIP", 13, "take 14 pixels"),
        ("NaFlex", 40, "take 32 or 48 pixels"),
        ("ResNet", 100, "take 96 or 128 pixels"),
        ("ConvNeXt", 0, "take 32 pixels"),
        ("NFNet", 40, "take 32 or 64 pixels"),
        ("EfficientNet", 31, "take 32 pixels"),
    ],
)
def test_a_size_that_does_not_fit_is_refused_with_the_nearest(name, size, advice):
    with pytest.raises(ValueError, match=f"do not tile an image of {size} × {size}: {advice}"):
        clip(VISION[name][0]).at_image_size(size)
