"""EfficientNet against timm's port of TensorFlow's weights and against transformers' ALIGN."""

import pytest
import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AlignVisionConfig, AlignVisionModel
from transformers.models.align.modeling_align import round_filters

from clip_tutor.towers import EfficientNet, EfficientNetConfig
from clip_tutor.towers.convolution import ConvNorm, DropPath, HalvingPad, SqueezeExcitation
from clip_tutor.towers.efficientnet import STAGES, InvertedBottleneck
from clip_tutor.weights.names.align import EFFICIENTNET
from tests.towers.conftest import assert_same, assert_trains_alike, images, liven, take_weights

B7 = EfficientNetConfig(289, width=2.0, depth=3.1)


def align(width: float, depth: float, **settings: object) -> AlignVisionModel:
    return AlignVisionModel(AlignVisionConfig(width_coefficient=width, depth_coefficient=depth, **settings))


@torch.no_grad()
@pytest.mark.parametrize(
    ("width", "depth", "size"),
    [(1.0, 1.0, 64), (1.0, 1.0, 97), (0.5, 1.4, 75), pytest.param(2.0, 3.1, 65, marks=pytest.mark.slow)],
)
def test_features_equal_aligns(width: float, depth: float, size: int):
    """The last is ALIGN's B7, layer for layer. Odd sizes count: ALIGN's images have 289 pixels a side."""
    torch.manual_seed(0)
    pixels, config = images(3, size), EfficientNetConfig(size, width, depth)
    theirs = liven(align(width, depth), pixels)
    ours = take_weights(EfficientNet(config, config.channels(320)), theirs, EFFICIENTNET, "vision_model.")
    published = theirs(pixels)
    assert_same(ours.feature_map(pixels), published.last_hidden_state)
    assert_same(ours(pixels), published.pooler_output)


@torch.no_grad()
def test_features_equal_aligns_in_float32():
    torch.manual_seed(0)
    pixels = images(2, 289, torch.float32)
    theirs = liven(align(1.0, 1.0), pixels)
    ours = take_weights(EfficientNet(EfficientNetConfig(289), 320), theirs, EFFICIENTNET, "vision_model.")
    assert_same(ours(pixels), theirs(pixels).pooler_output)


@torch.no_grad()
def test_b0_equals_timms():
    """The same order of tensors, but for the convolution at the end of the classifier, which has no part here."""
    torch.manual_seed(0)
    pixels = images(2, 64)
    theirs = liven(timm.create_model("tf_efficientnet_b0", num_classes=0), pixels)
    ours = EfficientNet(EfficientNetConfig(64), 320).double().eval()
    trunk = [tensor for name, tensor in theirs.state_dict().items() if not name.startswith(("conv_head", "bn2"))]
    ours.load_state_dict(dict(zip(ours.state_dict(), trunk, strict=True)))
    expected = theirs.blocks(theirs.bn1(theirs.conv_stem(pixels)))
    assert_same(ours.feature_map(pixels), expected)


class Pooled(nn.Module):
    """ALIGN's tower as one that gives features."""

    def __init__(self, vision_model: AlignVisionModel) -> None:
        super().__init__()
        self.vision_model = vision_model

    def forward(self, pixels: Tensor) -> Tensor:
        return self.vision_model(pixels).pooler_output


def test_training_equals_aligns():
    """But for the running figures: there the share that TensorFlow keeps has become the share that is new."""
    torch.manual_seed(0)
    pixels = images(8, 64)
    theirs = Pooled(liven(align(0.5, 0.5, drop_connect_rate=0.0), pixels))
    ours = take_weights(EfficientNet(EfficientNetConfig(64, 0.5, 0.5, drop_path=0), 160), theirs, EFFICIENTNET, "")
    for norm in (m for m in theirs.modules() if isinstance(m, nn.BatchNorm2d)):
        norm.momentum = 0.01
    assert_trains_alike(ours, theirs, pixels, EFFICIENTNET, "")


def test_b7_is_aligns_and_needs_no_projection():
    with torch.device("meta"):
        theirs, ours = align(2.0, 3.1), EfficientNet(B7, 640)
    assert isinstance(ours.projection, nn.Identity)
    assert len(ours.blocks) == 55
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())


def test_other_widths_get_a_projection():
    tower = EfficientNet(EfficientNetConfig(64, width=0.25, depth=0.5), 24)
    assert isinstance(tower.projection, nn.Linear)
    assert tower.feature_map(images(2, 64, torch.float32)).shape == (2, 80, 2, 2)
    assert tower(images(2, 64, torch.float32)).shape == (2, 24)


@pytest.mark.parametrize("width", [0.25, 0.35, 0.5, 1.0, 1.1, 1.2, 1.4, 1.6, 1.8, 2.0])
def test_channels_are_rounded_as_published(width: float):
    published, config = AlignVisionConfig(width_coefficient=width), EfficientNetConfig(64, width=width)
    for channels in (32, *(stage.channels for stage in STAGES)):
        assert config.channels(channels) == round_filters(published, channels)


def test_stride_two_looks_down_and_right():
    """PyTorch's padding puts the first window around pixel (0, 0), TensorFlow's around (1, 1)."""
    pixels = torch.zeros(1, 1, 8, 8)
    pixels[0, 0, 1, 1] = 1
    middle = F.pad(torch.ones(1, 1, 1, 1), (1, 1, 1, 1))  # a 3 × 3 window that reads its middle
    assert F.conv2d(HalvingPad(3)(pixels), middle, stride=2)[0, 0, 0, 0] == 1
    assert F.conv2d(pixels, middle, stride=2, padding=1)[0, 0, 0, 0] == 0
    for kernel_size in (3, 5):
        window = torch.ones(1, 1, kernel_size, kernel_size)
        assert F.conv2d(HalvingPad(kernel_size)(pixels), window, stride=2).shape == (1, 1, 4, 4)


def test_batchnorm_takes_in_one_part_in_a_hundred():
    layer = EfficientNet(EfficientNetConfig(64, 0.25, 0.5), 24).stem
    assert isinstance(layer, ConvNorm)
    before = layer.norm.running_mean.clone()
    layer.conv.register_forward_hook(lambda *_: torch.full((2, 8, 4, 4), 5.0))
    layer(images(2, 9, torch.float32))
    torch.testing.assert_close(layer.norm.running_mean, before + 0.01 * (5 - before))


def test_blocks_add_only_what_has_the_shape_of_the_input():
    tower = EfficientNet(EfficientNetConfig(64), 320)
    blocks = [block for block in tower.blocks if isinstance(block, InvertedBottleneck)]
    firsts = [sum(stage.layers for stage in STAGES[:row]) for row in range(len(STAGES))]
    assert [number for number, block in enumerate(blocks) if not block.adds] == firsts
    rates = [m.rate for m in tower.modules() if isinstance(m, DropPath)]
    assert rates == pytest.approx([0.2 * number / 16 for number in range(16)])


def test_excitation_turns_whole_channels_down():
    torch.manual_seed(0)
    layer, x = SqueezeExcitation(6, 2), torch.randn(2, 6, 5, 5)
    factors = layer(x) / x
    torch.testing.assert_close(factors, factors[..., :1, :1].expand_as(factors))
    assert 0 < factors.min() < factors.max() < 1
    shuffled = x.flatten(2)[..., torch.randperm(25)].view_as(x)
    torch.testing.assert_close(layer(shuffled)[..., 0, 0] / shuffled[..., 0, 0], factors[..., 0, 0])


def test_efficientnet_initial_scales():
    torch.manual_seed(0)
    tower = EfficientNet(EfficientNetConfig(64), 320)
    block = tower.blocks[-1]
    assert isinstance(block, InvertedBottleneck)
    assert block.expand is not None
    for layer, fan_out in ((block.expand.conv, 1152), (block.depthwise.conv, 9), (block.project.conv, 320)):
        std = (2 / fan_out) ** 0.5
        assert layer.weight.std().item() == pytest.approx(std, rel=0.02)
        assert layer.weight.abs().max().item() <= 2 * std / 0.8796 + 1e-6
    assert not block.excitation.reduce.bias.any()


def test_images_of_another_size_are_refused():
    tower = EfficientNet(EfficientNetConfig(64, 0.25, 0.5), 24)
    with pytest.raises(ValueError, match=r"reads images of shape \(B, 3, 64, 64\), and these have \(1, 3, 65, 65\)"):
        tower(images(1, 65, torch.float32))
