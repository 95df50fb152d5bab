"""NFNet against timm's port of DeepMind's, and what stands in for BatchNorm."""

from dataclasses import replace

import pytest
import timm
import torch
from open_clip.timm_model import TimmModel
from torch import nn

from clip_tutor.towers import NFNet, NFNetConfig
from clip_tutor.towers.nfnet import ALPHA, NFNETS, NFNetBlock, StandardizedConv, scaled_gelu
from clip_tutor.weights.names.open_clip import NFNET
from tests.towers.conftest import assert_same, assert_trains_alike, images, liven, take_weights

SMALL = NFNetConfig(64, (1, 2, 1, 2), (32, 48, 48, 64), features=40, group_width=8)


def liven_gains(theirs: nn.Module, pixels: torch.Tensor) -> nn.Module:
    """Return timm's tower with no gain at the 0 or 1 it starts from, so that every branch counts."""
    for name, parameter in theirs.named_parameters():
        if name.endswith("gain"):
            nn.init.uniform_(parameter, 0.5, 1.5)
    return liven(theirs, pixels)


def small_pair() -> tuple[nn.Module, NFNet]:
    """Timm's trunk, small, under OpenCLIP's names, and ours with the same weights."""
    torch.manual_seed(0)
    with torch.device("meta"):  # what is replaced needs no numbers
        theirs = TimmModel("dm_nfnet_f0", 20, 64, pool="", proj="linear")
    theirs.trunk = timm.create_model(
        "dm_nfnet_f0",
        depths=SMALL.depths,
        channels=SMALL.widths,
        group_size=8,
        stem_chs=16,
        num_features=40,
        num_classes=0,
    )
    theirs.head.proj = nn.Linear(40, 20, bias=False)
    theirs = liven_gains(theirs, images(2, 64))
    return theirs, take_weights(NFNet(SMALL, 20), theirs, NFNET, "visual.")


@pytest.mark.slow
@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_f0_equals_timms(dtype: torch.dtype):
    """All its layers, on small images."""
    torch.manual_seed(0)
    pixels = images(2, 64, dtype)
    theirs = liven_gains(TimmModel("dm_nfnet_f0", 40, 64, pool="", proj="linear"), pixels)
    ours = take_weights(NFNet(replace(NFNETS["F0"], image_size=64), 40), theirs, NFNET, "visual.")
    assert_same(ours(pixels), theirs(pixels))


def test_training_equals_timms():
    theirs, ours = small_pair()
    assert_trains_alike(ours, theirs, images(3, 64), NFNET, "visual.")


@pytest.mark.parametrize("name", ["F0", pytest.param("F6", marks=pytest.mark.slow)])
def test_parameter_counts_and_image_sizes_are_timms(name: str):
    with torch.device("meta"):
        theirs = timm.create_model(f"dm_nfnet_{name.lower()}", num_classes=0)
        ours = NFNet(NFNETS[name], 1)
    assert NFNETS[name].image_size == theirs.default_cfg["input_size"][-1]
    counted = sum(p.numel() for p in ours.parameters()) - ours.projection.weight.numel()
    assert counted == sum(p.numel() for p in theirs.parameters())


def test_gelus_gain_keeps_the_variance():
    x = torch.randn(1_000_000, generator=torch.Generator().manual_seed(0))
    assert scaled_gelu(x).std().item() == pytest.approx(1, rel=0.005)


def test_each_filter_is_standardized():
    """Mean 0 and variance gain² / fan-in, whatever the weights have become."""
    torch.manual_seed(0)
    conv = StandardizedConv(32, 12, kernel_size=3, groups=2)
    with torch.no_grad():
        conv.weight.mul_(4).add_(0.7)
        conv.gain.uniform_(0.5, 2)
    weight = conv.standardized().detach()
    assert weight.mean(dim=(1, 2, 3)).abs().max() < 1e-6
    torch.testing.assert_close(
        weight.var(dim=(1, 2, 3), correction=0) * 9 * 16, conv.gain.detach() ** 2, rtol=1e-3, atol=0
    )


@torch.no_grad()
@pytest.mark.parametrize("seed", range(3))
def test_the_variance_of_what_comes_into_a_block_is_foretold(seed: int):
    """Without BatchNorm, and with every branch counting in full: 1.04, 1.08 … from the start of each stage.

    Where the four places that a shortcut averages are alike: of what differs, averaging leaves less.
    """
    torch.manual_seed(seed)
    tower = NFNet(NFNetConfig(32, (3, 3, 3, 3), (128, 192, 256, 256), 64, group_width=32, skip_gain=1.0), 8)
    foretold = [[block.beta**-2 for block in stage] for stage in tower.stages]
    assert foretold[0] == pytest.approx([1, 1 + ALPHA**2, 1 + 2 * ALPHA**2])
    for variances in foretold[1:]:  # the first block's is what the stage before left
        assert variances == pytest.approx([1 + 3 * ALPHA**2, 1 + ALPHA**2, 1 + 2 * ALPHA**2])
    for stage, variances in zip(tower.stages, foretold, strict=True):
        width = stage[0].conv1.in_channels
        x = torch.randn(16, width, 8, 8) * variances[0] ** 0.5
        x = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        for block, variance in zip(stage, variances, strict=True):
            assert x.var(dim=(0, 2, 3)).mean().item() == pytest.approx(variance, rel=0.04)
            x = block(x)


@torch.no_grad()
def test_a_fresh_block_hands_on_its_shortcut():
    """As published, with a skip gain of 0; the kit's small one begins with another."""
    torch.manual_seed(0)
    first, second = NFNet(SMALL, 8).stages[1]
    assert isinstance(first, NFNetBlock) and first.shortcut is not None
    x = torch.randn(2, 32, 8, 8)
    assert torch.equal(first(x), first.shortcut(first.pool(first.beta * scaled_gelu(x))))
    assert torch.equal(second(first(x)), first(x))
    other = NFNet(replace(SMALL, skip_gain=0.5), 8).stages[1][1]
    assert not torch.equal(other(first(x)), first(x))


def test_an_image_does_not_depend_on_its_batch():
    """In training, too: what BatchNorm cannot have."""
    torch.manual_seed(0)
    tower, pixels = NFNet(replace(SMALL, skip_gain=1.0), 8).double().train(), images(4, 64)
    torch.testing.assert_close(tower(pixels)[:1], tower(pixels[:1]), atol=1e-12, rtol=0)


def test_the_map_is_32_times_smaller():
    assert NFNet(SMALL, 8).feature_map(images(2, 64, torch.float32)).shape == (2, 40, 2, 2)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"reads images of shape \(B, 3, 64, 64\), and these have \(1, 3, 96, 96\)"):
        NFNet(SMALL, 8)(images(1, 96, torch.float32))
    with pytest.raises(ValueError, match="100 is not a multiple of 32: take 96 or 128 pixels"):
        replace(SMALL, image_size=100)
    with pytest.raises(ValueError, match=r"24 channels has 12 inside, which groups of 8 .* multiples of 16"):
        replace(SMALL, widths=(32, 24, 48, 64))
    with pytest.raises(ValueError, match="a sixteenth of 24 channels: take a multiple of 16"):
        replace(SMALL, widths=(24, 32, 48, 64))
