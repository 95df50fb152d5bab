"""CLIP's ResNet: an ordinary ResNet, changed in three places that can be switched one at a time.

    (B, 3, H, W) ─ stem ─▶ H/4 ─ stage1 ─▶ H/4 ─ stage2 ─▶ H/8 ─ stage3 ─▶ H/16 ─ stage4 ─▶ H/32 ─ pool ─▶ (B, E)

    deep_stem        three small convolutions and a mean      in place of   one large convolution and a maximum
    blur             a mean over 2 × 2, then a convolution    in place of   a convolution that skips every other pixel
    attention_pool   the mean as a query                      in place of   the mean of all places

All on, it is CLIP's; all off, it is torchvision's, whose form of the block is called "ResNet v1.5". The deep stem and
the mean before the shortcut's convolution are those of ResNet-D.
Source: He et al. 2016; He et al. 2019 (ResNet-D); Zhang 2019 (blur); Radford et al. 2021, section 2.4; openai/CLIP
``clip/model.py``, class ModifiedResNet.
"""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from clip_tutor.towers.convolution import ConvNorm, channels_last
from clip_tutor.towers.pooling import AttentionPool, MeanPool

EXPANSION = 4  # a block is this much narrower inside than outside


@dataclass(frozen=True)
class ResNetConfig:
    """The shape of a ResNet."""

    image_size: int  # H = W, in pixels
    layers: tuple[int, int, int, int]  # blocks in each stage; (3, 4, 6, 3) makes 50 layers
    width: int = 64  # channels after the stem; 32 times as many at the end
    heads: int = 32  # K of the attention pool; CLIP takes width / 2
    deep_stem: bool = True
    blur: bool = True
    attention_pool: bool = True

    def __post_init__(self) -> None:
        if self.image_size % 32:
            raise ValueError(
                f"a ResNet halves its image five times, and {self.image_size} is not a multiple of 32: "
                f"take {self.image_size // 32 * 32 or 32} or {(self.image_size // 32 + 1) * 32} pixels"
            )


class PlainStem(nn.Module):
    """One convolution of 7 × 7, then the maximum of each 3 × 3."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = ConvNorm(3, width, kernel_size=7, stride=2)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (B, width, H/4, W/4) from (B, 3, H, W)."""
        x = F.relu(self.conv1(pixels), inplace=True)  # (B, width, H/2, W/2)
        return F.max_pool2d(x, kernel_size=3, stride=2, padding=1)


class DeepStem(nn.Module):
    """Three convolutions of 3 × 3, whose receptive field is about as large, then the mean of each 2 × 2."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = ConvNorm(3, width // 2, kernel_size=3, stride=2)
        self.conv2 = ConvNorm(width // 2, width // 2, kernel_size=3)
        self.conv3 = ConvNorm(width // 2, width, kernel_size=3)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (B, width, H/4, W/4) from (B, 3, H, W)."""
        x = F.relu(self.conv1(pixels), inplace=True)  # (B, width/2, H/2, W/2)
        x = F.relu(self.conv2(x), inplace=True)
        x = F.relu(self.conv3(x), inplace=True)  # (B, width, H/2, W/2)
        return F.avg_pool2d(x, kernel_size=2)


class Bottleneck(nn.Module):
    """Narrow (1 × 1), look around (3 × 3), widen (1 × 1), and add the result to the input.

    Args:
        in_channels: C, the number of channels that come in.
        width: the number inside; four times as many go out.
        stride: 2 halves height and width.
        blur: halve by a mean over 2 × 2 pixels, not by skipping pixels. A pattern finer than the coarser grid is
            then blurred away, not mistaken for a coarse one. Source: Zhang 2019, "Making Convolutional
            Networks Shift-Invariant Again".
    """

    def __init__(self, in_channels: int, width: int, stride: int, blur: bool) -> None:
        super().__init__()
        out_channels = EXPANSION * width
        self.pooling = stride if blur else 1
        skipping = 1 if blur else stride
        self.conv1 = ConvNorm(in_channels, width, kernel_size=1)
        self.conv2 = ConvNorm(width, width, kernel_size=3, stride=skipping)
        self.conv3 = ConvNorm(width, out_channels, kernel_size=1)
        # Where the shape changes, what came in needs a convolution to fit what it is added to.
        fits = stride == 1 and in_channels == out_channels
        self.shortcut = None if fits else ConvNorm(in_channels, out_channels, kernel_size=1, stride=skipping)
        # At first every block adds nothing, and the signal runs through: ``test_blocks_begin_by_adding_nothing``.
        nn.init.zeros_(self.conv3.norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, 4·width, H/stride, W/stride) from (B, in_channels, H, W)."""
        branch = F.relu(self.conv1(x), inplace=True)  # (B, width, H, W)
        branch = F.relu(self.conv2(branch), inplace=True)
        if self.pooling > 1:
            branch = F.avg_pool2d(branch, self.pooling)  # (B, width, H/stride, W/stride)
        branch = self.conv3(branch)  # (B, 4·width, H/stride, W/stride)
        if self.shortcut is not None:
            x = self.shortcut(F.avg_pool2d(x, self.pooling) if self.pooling > 1 else x)
        return F.relu(branch.add_(x), inplace=True)


class ResNet(nn.Module):
    """A ResNet as an image tower.

    Args:
        config: the shape of the tower.
        embed_dim: E, the length of the vector that images and captions share.
    """

    def __init__(self, config: ResNetConfig, embed_dim: int) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.stem = DeepStem(width) if config.deep_stem else PlainStem(width)
        self.stage1 = self._stage(width, width, config.layers[0], stride=1)
        self.stage2 = self._stage(4 * width, 2 * width, config.layers[1], stride=2)
        self.stage3 = self._stage(8 * width, 4 * width, config.layers[2], stride=2)
        self.stage4 = self._stage(16 * width, 8 * width, config.layers[3], stride=2)
        D, N = 32 * width, (config.image_size // 32) ** 2
        self.pool = AttentionPool(D, config.heads, N, embed_dim) if config.attention_pool else MeanPool(D, embed_dim)

    def _stage(self, in_channels: int, width: int, layers: int, stride: int) -> nn.Sequential:
        first = Bottleneck(in_channels, width, stride, self.config.blur)
        rest = (Bottleneck(EXPANSION * width, width, stride=1, blur=self.config.blur) for _ in range(layers - 1))
        return nn.Sequential(first, *rest)

    def feature_map(self, pixels: Tensor) -> Tensor:
        """Return (B, 32·width, H/32, W/32), what each place of the image shows, from (B, 3, H, W).

        Raises:
            ValueError: the images do not have the size this tower was built for.
        """
        x = self.stem(channels_last(pixels, self.config.image_size))  # (B, width, H/4, W/4)
        x = self.stage1(x)  # (B, 4·width, H/4, W/4)
        x = self.stage2(x)  # (B, 8·width, H/8, W/8)
        x = self.stage3(x)  # (B, 16·width, H/16, W/16)
        return self.stage4(x)  # (B, 32·width, H/32, W/32)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (B, E) image vectors of any length from (B, 3, H, W) normalized pixels."""
        return self.pool(self.feature_map(pixels))
