"""ConvNeXt against OpenCLIP, which takes timm's: features, gradients, initial weights, dropped paths."""

from dataclasses import replace

import pytest
import timm
import torch
from open_clip.timm_model import TimmModel
from timm.layers import DropPath as PublishedDropPath
from torch import nn

from clip_tutor.towers import ConvNeXt, ConvNeXtConfig, EfficientNet, EfficientNetConfig
from clip_tutor.towers.convolution import DropPath
from clip_tutor.weights.names.open_clip import CONVNEXT
from tests.towers.conftest import assert_same, assert_trains_alike, images, liven, take_weights

TINY = ConvNeXtConfig(64, (3, 3, 9, 3), (96, 192, 384, 768))
BASE = ConvNeXtConfig(224, (3, 3, 27, 3), (128, 256, 512, 1024))
LARGE = ConvNeXtConfig(256, (3, 3, 27, 3), (192, 384, 768, 1536), head="mlp")
XXLARGE = ConvNeXtConfig(256, (3, 4, 30, 3), (384, 768, 1536, 3072), eps=1e-5)
SMALL = ConvNeXtConfig(64, (1, 1, 2, 1), (8, 16, 24, 32), drop_path=0.0)


def small_pair(**settings: object) -> tuple[nn.Module, ConvNeXt]:
    """Timm's trunk, small, under OpenCLIP's names, and ours with the same weights."""
    torch.manual_seed(0)
    with torch.device("meta"):  # what is replaced needs no numbers
        theirs = TimmModel("convnext_tiny", 20, 64, pool="")
    theirs.trunk = timm.create_model("convnext_tiny", depths=SMALL.depths, dims=SMALL.widths, num_classes=0, **settings)
    theirs.head.proj = nn.Linear(32, 20, bias=False)
    theirs = liven(theirs, images(2, 64))
    return theirs, take_weights(ConvNeXt(SMALL, 20), theirs, CONVNEXT, "visual.")


@pytest.mark.slow
@torch.no_grad()
@pytest.mark.parametrize("head", ["linear", "mlp"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tiny_equals_open_clip(head: str, dtype: torch.dtype):
    torch.manual_seed(0)
    pixels = images(2, 64, dtype)
    theirs = liven(TimmModel("convnext_tiny", 40, 64, pool="", proj=head, drop_path=0.1), pixels)
    config = ConvNeXtConfig(64, TINY.depths, TINY.widths, head=head)
    ours = take_weights(ConvNeXt(config, 40), theirs, CONVNEXT, "visual.")
    assert_same(ours(pixels), theirs(pixels))


@pytest.mark.slow
@torch.no_grad()
def test_base_equals_open_clip():
    """All its layers, on small images."""
    torch.manual_seed(0)
    pixels = images(2, 64, torch.float32)
    theirs = liven(TimmModel("convnext_base", 512, 64, pool="", drop_path=0.1), pixels)
    ours = take_weights(ConvNeXt(replace(BASE, image_size=64), 512), theirs, CONVNEXT, "visual.")
    assert_same(ours(pixels), theirs(pixels))


@pytest.mark.parametrize(
    ("name", "config", "embed_dim"),
    [("convnext_base", BASE, 640), ("convnext_large", LARGE, 768), ("convnext_xxlarge", XXLARGE, 1024)],
)
def test_parameter_counts_and_eps_are_open_clips(name: str, config: ConvNeXtConfig, embed_dim: int):
    with torch.device("meta"):
        theirs = TimmModel(name, embed_dim, config.image_size, pool="", proj=config.head, drop_path=0.1)
        ours = ConvNeXt(config, embed_dim)
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())
    eps, their_eps = ({m.eps for m in tower.modules() if isinstance(m, nn.LayerNorm)} for tower in (ours, theirs))
    assert eps == their_eps == {config.eps}


@torch.no_grad()
def test_eps_matters_where_an_image_is_nearly_even():
    """Xxlarge has its own: with the others' 1e-6, images without contrast come out differently."""
    theirs, ours = small_pair(norm_eps=1e-5)
    xxlarge = ConvNeXt(replace(SMALL, eps=1e-5), 20).double().eval()
    xxlarge.load_state_dict(ours.state_dict())
    for tower in (theirs.trunk.stem[0], ours.stem.conv, xxlarge.stem.conv):
        tower.bias.zero_()
    pixels = 0.01 * images(2, 64)
    assert_same(xxlarge(pixels), theirs(pixels))
    assert (ours(pixels) - theirs(pixels)).abs().max() > 1e-3


def test_training_equals_timm():
    theirs, ours = small_pair()
    assert_trains_alike(ours, theirs, images(3, 64), CONVNEXT, "visual.")


def test_paths_are_dropped_more_often_the_deeper_they_lie():
    with torch.device("meta"):
        theirs = timm.create_model("convnext_tiny", drop_path_rate=0.3)
        tower = ConvNeXt(replace(TINY, drop_path=0.3), 8)
    their_rates = [m.drop_prob for m in theirs.modules() if isinstance(m, PublishedDropPath)]
    rates = [m.rate for m in tower.modules() if isinstance(m, DropPath)]
    assert rates[0] == 0
    assert rates[1:] == pytest.approx(their_rates)  # a rate of 0 is no module there


def test_a_dropped_path_is_gone_for_whole_images_and_keeps_the_mean():
    torch.manual_seed(0)
    drop, ones = DropPath(0.25), torch.ones(4000, 2, 3, 3)
    dropped = drop(ones)
    assert sorted(dropped.unique().tolist()) == pytest.approx([0, 1 / 0.75])
    assert dropped.flatten(1).amax(dim=1).equal(dropped.flatten(1).amin(dim=1)), "an image is dropped as a whole"
    assert dropped.mean().item() == pytest.approx(1, abs=0.03)
    assert drop.eval()(ones) is ones
    assert DropPath(0.0)(ones) is ones


class NothingLeft(nn.Module):
    """Every path is dropped."""

    def forward(self, branch: torch.Tensor) -> torch.Tensor:
        return 0 * branch


def test_without_their_paths_blocks_hand_on_what_comes_in():
    convnext = ConvNeXt(SMALL, 8).stages[0].blocks[0]
    efficientnet = next(block for block in EfficientNet(EfficientNetConfig(64), 320).blocks if block.adds)
    for block, channels in ((convnext, 8), (efficientnet, 24)):
        block.drop_path = NothingLeft()
        x = torch.randn(2, channels, 6, 6)
        assert torch.equal(block(x), x)


def test_convnext_initial_scales():
    torch.manual_seed(0)
    tower = ConvNeXt(ConvNeXtConfig(64, (1, 1, 1, 1), (64, 128, 128, 256)), 32)
    layers = [m for m in tower.modules() if isinstance(m, nn.Conv2d | nn.Linear) and m is not tower.projection]
    assert len(layers) == 1 + 3 + 4 * 3
    for layer in layers:
        assert layer.weight.std().item() == pytest.approx(0.02, rel=0.06)
        assert not layer.bias.any()
    scales = [parameter for name, parameter in tower.named_parameters() if name.endswith("layer_scale")]
    assert torch.cat(scales).eq(1e-6).all()


def test_a_fresh_block_hardly_does_anything():
    block, x = ConvNeXt(SMALL, 8).stages[0].blocks[0], torch.randn(2, 8, 6, 6)
    assert 0 < (block(x) - x).abs().max() < 1e-5


def test_the_map_is_32_times_smaller():
    assert ConvNeXt(SMALL, 8).feature_map(images(2, 64, torch.float32)).shape == (2, 32, 2, 2)


def test_images_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"reads images of shape \(B, 3, 64, 64\), and these have \(1, 3, 96, 96\)"):
        ConvNeXt(SMALL, 8)(images(1, 96, torch.float32))
    with pytest.raises(ValueError, match="100 is not a multiple of 32: take 96 or 128 pixels"):
        ConvNeXtConfig(100, (1, 1, 1, 1), (8, 8, 8, 8))
