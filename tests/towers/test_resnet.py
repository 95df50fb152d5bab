"""CLIP's ResNet and the ordinary one: both published forms, and the three steps between them."""

import math
from itertools import product

import pytest
import torch
import torchvision
from open_clip.modified_resnet import Bottleneck as PublishedBottleneck
from open_clip.modified_resnet import ModifiedResNet
from torch import Tensor, nn

from clip_tutor.towers import ResNet, ResNetConfig
from clip_tutor.towers.attention import attention
from clip_tutor.towers.convolution import ConvNorm
from clip_tutor.towers.pooling import AttentionPool, MeanPool
from clip_tutor.towers.resnet import Bottleneck, DeepStem, PlainStem
from clip_tutor.weights.names.open_clip import RESNET
from tests.towers.conftest import assert_same, assert_trains_alike, images, liven, take_weights

TORCHVISION = RESNET + "visual.fc.*   image_tower.pool.projection.*"
SWITCHES = ("deep_stem", "blur", "attention_pool")


def small(**switches: bool) -> ResNetConfig:
    return ResNetConfig(64, (1, 2, 1, 1), width=8, heads=4, **switches)


def ordinary(size: int, layers: tuple[int, int, int, int]) -> ResNetConfig:
    return ResNetConfig(size, layers, deep_stem=False, blur=False, attention_pool=False)


@pytest.mark.slow
@torch.no_grad()
def test_rn50_equals_open_clip():
    torch.manual_seed(0)
    pixels = images(2, 224, torch.float32)
    theirs = liven(ModifiedResNet([3, 4, 6, 3], 1024, heads=32), pixels)
    ours = take_weights(ResNet(ResNetConfig(224, (3, 4, 6, 3)), 1024), theirs, RESNET, "visual.")
    assert_same(ours(pixels), theirs(pixels))


@pytest.mark.slow
@torch.no_grad()
@pytest.mark.parametrize(
    ("name", "layers", "dtype"),
    [
        ("resnet50", (3, 4, 6, 3), torch.float32),
        ("resnet50", (3, 4, 6, 3), torch.float64),
        ("resnet101", (3, 4, 23, 3), torch.float64),
    ],
)
def test_without_the_three_changes_it_equals_torchvision(
    name: str, layers: tuple[int, int, int, int], dtype: torch.dtype
):
    torch.manual_seed(0)
    pixels = images(3, 96, dtype)
    theirs = liven(torchvision.models.get_model(name, weights=None), pixels)
    ours = take_weights(ResNet(ordinary(96, layers), 1000), theirs, TORCHVISION, "visual.")
    assert_same(ours(pixels), theirs(pixels))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["CLIP", "ordinary"])
def test_training_equals_the_published(kind: str):
    torch.manual_seed(0)
    if kind == "CLIP":
        theirs: nn.Module = ModifiedResNet([1, 2, 1, 1], 24, heads=4, image_size=64, width=8)
        ours, table = ResNet(small(), 24), RESNET
    else:
        theirs = torchvision.models.ResNet(torchvision.models.resnet.Bottleneck, [1, 2, 1, 1], num_classes=24)
        ours, table = ResNet(ordinary(64, (1, 2, 1, 1)), 24), TORCHVISION
    pixels = images(6, 64)
    take_weights(ours, liven(theirs, pixels), table, "visual.")
    assert_trains_alike(ours, theirs, pixels, table, "visual.")
    with torch.no_grad():
        assert_same(ours.eval()(pixels), theirs.eval()(pixels))


@pytest.mark.parametrize("on", list(product([False, True], repeat=3)))
def test_each_change_can_be_switched_alone(on: tuple[bool, bool, bool]):
    switches = dict(zip(SWITCHES, on, strict=True))
    tower = ResNet(small(**switches), 24)
    assert isinstance(tower.stem, DeepStem if switches["deep_stem"] else PlainStem)
    assert isinstance(tower.pool, AttentionPool if switches["attention_pool"] else MeanPool)
    assert tower.stage3[0].pooling == (2 if switches["blur"] else 1)
    assert tower.feature_map(images(2, 64, torch.float32)).shape == (2, 256, 2, 2)
    assert tower(images(2, 64, torch.float32)).shape == (2, 24)
    # Blurring has nothing to learn: a blurred network's weights fit the other.
    other = ResNet(small(**switches | {"blur": not switches["blur"]}), 24)
    other.load_state_dict(tower.state_dict())


def copy_block(ours: Bottleneck, theirs: nn.Module) -> None:
    names = {"bn": "norm.", "conv": "conv."}
    weights = {}
    for name, tensor in theirs.state_dict().items():
        part, _, rest = name.partition(".")
        if part == "downsample":
            number, _, rest = rest.partition(".")
            weights[f"shortcut.{'conv' if number == '0' else 'norm'}.{rest}"] = tensor
        else:
            weights[f"conv{part[-1]}.{names[part[:-1]]}{rest}"] = tensor
    ours.load_state_dict(weights)


@pytest.mark.parametrize("blur", [True, False])
def test_a_halving_block_equals_the_published(blur: bool):
    torch.manual_seed(0)
    x = torch.randn(2, 12, 10, 10).relu()
    if blur:
        theirs: nn.Module = PublishedBottleneck(12, 5, stride=2)
    else:
        shortcut = nn.Sequential(nn.Conv2d(12, 20, 1, stride=2, bias=False), nn.BatchNorm2d(20))
        theirs = torchvision.models.resnet.Bottleneck(12, 5, 2, shortcut)
    ours = Bottleneck(12, 5, stride=2, blur=blur).eval()
    copy_block(ours, liven(theirs, x))
    torch.testing.assert_close(ours(x.clone()), theirs(x.clone()), atol=1e-5, rtol=1e-5)


def test_blur_hears_every_pixel_and_skipping_does_not():
    """A pattern that changes from pixel to pixel: skipping sees only every other one and takes it for an even gray."""
    pattern = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).tile(1, 1, 8, 8)
    skipped = nn.functional.conv2d(pattern, torch.ones(1, 1, 1, 1), stride=2)
    assert skipped.eq(1).all()
    shortcut = Bottleneck(1, 1, stride=2, blur=True)
    assert shortcut.shortcut is not None
    seen: list[Tensor] = []
    shortcut.shortcut.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    shortcut(pattern)
    assert seen[0].shape == (1, 1, 8, 8)
    assert seen[0].eq(0.5).all()


@pytest.mark.parametrize("training", [True, False])
def test_blocks_begin_by_adding_nothing(training: bool):
    torch.manual_seed(0)
    block = Bottleneck(16, 4, stride=1, blur=True).train(training)
    x = torch.randn(2, 16, 6, 6).relu()
    torch.testing.assert_close(block(x.clone()), x, atol=0, rtol=0)
    tower = ResNet(small(), 24)
    last = [module.conv3.norm.weight for module in tower.modules() if isinstance(module, Bottleneck)]
    assert len(last) == 5
    assert not torch.cat(last).any()


def test_a_forward_pass_leaves_its_input_alone():
    tower, pixels = ResNet(small(), 24).eval(), images(2, 64, torch.float32)
    before = pixels.clone()
    assert torch.equal(tower(pixels), tower(pixels))
    assert torch.equal(pixels, before)
    x = torch.randn(2, 32, 6, 6)
    block, before = Bottleneck(32, 8, stride=1, blur=True), x.clone()
    block(x)
    assert torch.equal(x, before), "what runs through the shortcut is still needed by others"


# ------------------------------------------------------------------------------------------------ the shared parts


@pytest.mark.parametrize("size", [3, 40])  # fewer, and more pixels than weights
@pytest.mark.parametrize(
    ("groups", "kernel_size", "stride", "padding"), [(1, 3, 1, None), (8, 5, 2, 0), (1, 1, 1, None)]
)
def test_folded_batchnorm_changes_nothing(size: int, groups: int, kernel_size: int, stride: int, padding: int | None):
    torch.manual_seed(0)
    size = max(size, kernel_size)
    x = torch.randn(2, 8, size, size)
    layer = ConvNorm(8, 16, kernel_size, stride, groups, padding, eps=1e-2)
    for tensor in (layer.norm.weight, layer.norm.bias, layer.norm.running_mean):
        nn.init.normal_(tensor)
    nn.init.uniform_(layer.norm.running_var, 0.1, 2)
    layer.eval()
    expected, got = layer.norm(layer.conv(x)), layer(x)
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)
    parameters = list(layer.parameters())
    torch.testing.assert_close(
        torch.autograd.grad(got.square().sum(), parameters),
        torch.autograd.grad(expected.square().sum(), parameters),
        atol=1e-3,
        rtol=1e-4,
    )


def test_only_the_larger_walk_is_saved():
    """On a large image BatchNorm is folded away; on a small one, folding would be the larger part of the work."""
    layer = ConvNorm(8, 8, 3).eval()
    calls: list[int] = []
    layer.norm.register_forward_hook(lambda *_: calls.append(1))
    layer(torch.randn(1, 8, 40, 40))
    assert len(calls) == 0
    layer(torch.randn(1, 8, 3, 3))
    assert len(calls) == 1
    layer.train()(torch.randn(1, 8, 40, 40))
    assert len(calls) == 2


def test_one_query_equals_full_attention():
    """The published pool lets all 1+N tokens ask and throws N answers away."""
    torch.manual_seed(0)
    B, D, K = 2, 24, 3
    pool, feature_map = AttentionPool(D, heads=K, tokens=12, embed_dim=7), torch.randn(B, D, 3, 4)
    for layer in (pool.query, pool.key, pool.value, pool.out):
        nn.init.normal_(layer.bias)
    x = feature_map.flatten(2).transpose(1, 2)
    x = torch.cat([x.mean(dim=1, keepdim=True), x], dim=1) + pool.pos_embed
    parts = (layer(x).unflatten(-1, (K, -1)).transpose(1, 2) for layer in (pool.query, pool.key, pool.value))
    everyone = attention(*parts).transpose(1, 2).flatten(2)  # (B, 1+N, D)
    torch.testing.assert_close(pool(feature_map), pool.out(everyone)[:, 0], atol=1e-5, rtol=1e-5)


def test_initial_scales_of_the_attention_pool():
    torch.manual_seed(0)
    pool = AttentionPool(512, heads=8, tokens=49, embed_dim=256)
    for tensor in (pool.query.weight, pool.key.weight, pool.value.weight, pool.out.weight, pool.pos_embed):
        assert tensor.std().item() == pytest.approx(1 / math.sqrt(512), rel=0.02)


# ---------------------------------------------------------------------------------------------------------- errors


def test_images_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"reads images of shape \(B, 3, 64, 64\), and these have \(1, 3, 96, 96\)"):
        ResNet(small(), 24)(images(1, 96, torch.float32))


@pytest.mark.parametrize(("size", "advice"), [(100, "take 96 or 128"), (20, "take 32 or 32")])
def test_the_size_must_be_halved_five_times(size: int, advice: str):
    with pytest.raises(ValueError, match=f"{size} is not a multiple of 32: {advice} pixels"):
        ResNetConfig(size, (1, 1, 1, 1))


def test_heads_of_the_pool_must_divide_its_width():
    with pytest.raises(ValueError, match=r"width 256 cannot be shared out among 6 heads.* here 4"):
        AttentionPool(256, heads=6, tokens=4, embed_dim=8)
