"""NFNet, Flamingo's kind of image tower: a residual network that needs no BatchNorm, for its weights are normalized.

    (B, 3, H, W) ─ stem ─▶ H/4 ─ four stages of blocks ─▶ H/32 ─ 1 × 1 ─▶ (B, D, H/32, W/32) ─ mean ─▶ (B, D)
      ─ projection ─▶ (B, E)

    a block   x ─ activation · beta ─ 1 × 1 ─ 3 × 3 ─ 3 × 3 ─ 1 × 1 ─ squeeze, excite ─ · skip gain · alpha ─(+)─▶
              └────────────────────────────────────────────────────────────────────────────────────────────┘

BatchNorm keeps the spread of what flows through a network, and pays for it: an image's vector depends on the rest of
the batch. Here the spread is foretold instead. An activation and a convolution hand on variance 1, so a branch adds
alpha² to the variance of its shortcut: 1, 1.04, 1.08 … It is known before any image was seen, and beta divides by its
root. ``test_the_variance_of_what_comes_into_a_block_is_foretold`` measures it.

Sources: Brock et al. 2021, "High-Performance Large-Scale Image Recognition Without Normalization"; Brock, De and Smith
2021, "Characterizing signal propagation to close the performance gap in unnormalized ResNets"; timm
``models/nfnet.py``, the models dm_nfnet. Flamingo (Alayrac et al. 2022) takes F6.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clip_tutor.towers.convolution import HalvingPad, SqueezeExcitation, channels_last

ALPHA = 0.2  # by how much a branch changes what it is added to
GELU_GAIN = 1.7015043497085571  # 1 over the spread of GELU's output on N(0, 1): ``test_gelus_gain_keeps_the_variance``


@dataclass(frozen=True)
class NFNetConfig:
    """The shape of an NFNet; as it stands, but for its depth, F0 to F6."""

    image_size: int  # H = W, in pixels
    depths: tuple[int, int, int, int]  # blocks in each stage
    widths: tuple[int, int, int, int] = (256, 512, 1536, 1536)  # channels in each stage
    features: int = 3072  # D, channels after the last convolution
    group_width: int = 128  # channels that see each other in a 3 × 3 convolution
    skip_gain: float = 0.0  # of a fresh branch; above 0 a short training need not wait for it to grow

    def __post_init__(self) -> None:
        if self.image_size % 32:
            raise ValueError(
                f"an NFNet makes its image 32 times smaller, and {self.image_size} is not a multiple of 32: "
                f"take {self.image_size // 32 * 32 or 32} or {(self.image_size // 32 + 1) * 32} pixels"
            )
        if self.widths[0] % 16:
            raise ValueError(f"the stem begins with a sixteenth of {self.widths[0]} channels: take a multiple of 16")
        for width in self.widths:
            if width % (2 * self.group_width):
                raise ValueError(
                    f"a block of {width} channels has {width // 2} inside, which groups of {self.group_width} do not "
                    f"share out evenly: take widths that are multiples of {2 * self.group_width}"
                )


NFNETS = {  # by name, at the size of image they were trained on
    f"F{n}": NFNetConfig(image_size, (n + 1, 2 * n + 2, 6 * n + 6, 3 * n + 3))
    for n, image_size in enumerate((192, 224, 256, 320, 384, 416, 448))
}


def scaled_gelu(x: Tensor) -> Tensor:
    """Return GELU of each number, scaled so that a variance of 1 stays 1."""
    return F.gelu(x) * GELU_GAIN


class StandardizedConv(nn.Conv2d):
    """A convolution that sees its weights standardized: each filter has mean 0 and variance ``gain²`` / fan-in.

    A sum of fan-in products then has the variance of one of its inputs, and no mean: what BatchNorm does to each
    batch is done to the weights, once for all images. At stride 2 it pads as TensorFlow does (`HalvingPad`).

    Source: Brock, De and Smith 2021, "Scaled Weight Standardization".
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, groups: int = 1) -> None:
        padding = 0 if stride == 2 else kernel_size // 2
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, groups=groups)
        self.pad = HalvingPad(kernel_size) if stride == 2 else nn.Identity()
        self.gain = nn.Parameter(torch.ones(out_channels))
        nn.init.normal_(self.weight, std=self.weight[0].numel() ** -0.5)
        assert self.bias is not None
        nn.init.zeros_(self.bias)

    def standardized(self) -> Tensor:
        """Return the weights that convolve, (out_channels, in_channels/groups, kernel_size, kernel_size)."""
        var, mean = torch.var_mean(self.weight, dim=(1, 2, 3), correction=0, keepdim=True)  # (out_channels, 1, 1, 1)
        fan_in = self.weight[0].numel()
        scale = self.gain.view(-1, 1, 1, 1) * (fan_in * (var + 1e-5)).rsqrt()
        return (self.weight - mean) * scale

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, H/stride, W/stride) from (B, in_channels, H, W)."""
        weight = self.standardized()
        return F.conv2d(self.pad(x), weight, self.bias, self.stride, self.padding, groups=self.groups)


class Stem(nn.Module):
    """Four convolutions of 3 × 3; the first and the last halve the image."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = StandardizedConv(3, width // 8, kernel_size=3, stride=2)
        self.conv2 = StandardizedConv(width // 8, width // 4, kernel_size=3)
        self.conv3 = StandardizedConv(width // 4, width // 2, kernel_size=3)
        self.conv4 = StandardizedConv(width // 2, width, kernel_size=3, stride=2)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (B, width, H/4, W/4) from (B, 3, H, W)."""
        x = scaled_gelu(self.conv1(pixels))  # (B, width/8, H/2, W/2)
        x = scaled_gelu(self.conv2(x))  # (B, width/4, H/2, W/2)
        x = scaled_gelu(self.conv3(x))  # (B, width/2, H/2, W/2)
        return self.conv4(x)  # (B, width, H/4, W/4)


class NFNetBlock(nn.Module):
    """Narrow, look around twice, widen, weigh the channels, and add a little of the outcome to the shortcut.

    As published the ``skip_gain`` begins at 0: a fresh block hands on its shortcut, however deep the network is.

    Args:
        in_channels, out_channels: C, the number of channels that come in and go out.
        stride: 2 halves height and width.
        group_width: channels that see each other in a 3 × 3 convolution.
        expected_var: the variance of what comes in, foretold.
        skip_gain: the gain to begin with.

    Source: Brock et al. 2021; De and Smith 2020 (SkipInit).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        group_width: int,
        expected_var: float,
        skip_gain: float,
    ) -> None:
        super().__init__()
        inside = out_channels // 2
        groups = inside // group_width
        self.beta = expected_var**-0.5
        self.pool = nn.AvgPool2d(2) if stride == 2 else nn.Identity()
        changes = stride == 2 or in_channels != out_channels
        self.shortcut = StandardizedConv(in_channels, out_channels, kernel_size=1) if changes else None
        self.conv1 = StandardizedConv(in_channels, inside, kernel_size=1)
        self.conv2 = StandardizedConv(inside, inside, kernel_size=3, stride=stride, groups=groups)
        self.conv3 = StandardizedConv(inside, inside, kernel_size=3, groups=groups)
        self.conv4 = StandardizedConv(inside, out_channels, kernel_size=1)
        self.excitation = SqueezeExcitation(out_channels, out_channels // 2, F.relu)
        self.skip_gain = nn.Parameter(torch.tensor(skip_gain))

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, H/stride, W/stride) from (B, in_channels, H, W)."""
        active = scaled_gelu(x) * self.beta  # (B, in_channels, H, W)
        shortcut = x if self.shortcut is None else self.shortcut(self.pool(active))
        branch = scaled_gelu(self.conv1(active))  # (B, out_channels/2, H, W)
        branch = scaled_gelu(self.conv2(branch))  # (B, out_channels/2, H/stride, W/stride)
        branch = scaled_gelu(self.conv3(branch))  # (B, out_channels/2, H/stride, W/stride)
        branch = self.excitation(self.conv4(branch))  # halves at first, hence the 2
        return shortcut + 2 * ALPHA * self.skip_gain * branch  # (B, out_channels, H/stride, W/stride)


class NFNet(nn.Module):
    """An NFNet as an image tower.

    Args:
        config: the shape of the tower.
        embed_dim: E, the length of the vector that images and captions share.
    """

    def __init__(self, config: NFNetConfig, embed_dim: int) -> None:
        super().__init__()
        self.config = config
        in_channels = config.widths[0] // 2
        self.stem = Stem(in_channels)
        expected_var = 1.0
        stages = []
        for number, (width, depth) in enumerate(zip(config.widths, config.depths, strict=True)):
            blocks = []
            for block in range(depth):
                stride = 2 if block == 0 and number > 0 else 1
                shape = in_channels, width, stride, config.group_width
                blocks.append(NFNetBlock(*shape, expected_var, config.skip_gain))
                # The convolution in a stage's first shortcut has brought the variance back to 1.
                expected_var = ALPHA**2 + (1.0 if block == 0 else expected_var)
                in_channels = width
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.Sequential(*stages)
        self.final_conv = StandardizedConv(in_channels, config.features, kernel_size=1)
        self.projection = nn.Linear(config.features, embed_dim, bias=False)

    def feature_map(self, pixels: Tensor) -> Tensor:
        """Return (B, D, H/32, W/32), what each place of the image shows, from (B, 3, H, W).

        Raises:
            ValueError: the images do not have the size this tower was built for.
        """
        x = self.stem(channels_last(pixels, self.config.image_size))  # (B, widths[0]/2, H/4, W/4)
        x = self.stages(x)  # (B, widths[3], H/32, W/32)
        return scaled_gelu(self.final_conv(x))  # (B, D, H/32, W/32)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (B, E) image vectors of any length from (B, 3, H, W) normalized pixels."""
        return self.projection(self.feature_map(pixels).mean(dim=(2, 3)))  # (B, E)
