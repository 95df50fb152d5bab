"""Small ResNets of any parts: the library's, or those that a learner has written.

    pixels ─ stem ─▶ H/4 ─ stage1 ─▶ H/4 ─ stage2 ─▶ H/8 ─ … ─ pool ─▶ (B, E)

With none but the default parts it is an ordinary ResNet, as torchvision has it.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence

from torch import nn

from clip_tutor.towers.pooling import MeanPool
from clip_tutor.towers.resnet import Bottleneck, PlainStem


def plain_block(in_channels: int, width: int, stride: int = 1) -> nn.Module:
    """Return the bottleneck of an ordinary ResNet: where it halves its input, a convolution has a stride of 2."""
    return Bottleneck(in_channels, width, stride, blur=False)


def small_tower(
    layers: Sequence[int],
    width: int,
    side: int,
    embed_dim: int,
    stem: Callable[[int], nn.Module] = PlainStem,
    block: Callable[[int, int, int], nn.Module] = plain_block,
    pool: Callable[[int, int, int, int], nn.Module] | None = None,
) -> nn.Sequential:
    """Return a ResNet with ``layers[n]`` blocks in stage n + 1, for images of ``side`` × ``side`` pixels.

    Args:
        width: channels behind the stem; each stage after the first is twice as wide.
        stem: from the width.
        block: from in_channels, width and stride.
        pool: from D, heads, places and E; without one, the mean of all places and a projection.
    """
    parts = OrderedDict(stem=stem(width))
    in_channels, strides = width, [1] + [2] * (len(layers) - 1)
    for n, (blocks, stride) in enumerate(zip(layers, strides, strict=True)):
        inside = width * 2**n
        channels = [in_channels] + [4 * inside] * (blocks - 1)
        parts[f"stage{n + 1}"] = nn.Sequential(
            *(block(C, inside, stride if place == 0 else 1) for place, C in enumerate(channels))
        )
        in_channels = 4 * inside
    places = (side // 2 ** (1 + len(layers))) ** 2
    heads = max(1, in_channels // 64)
    parts["pool"] = pool(in_channels, heads, places, embed_dim) if pool else MeanPool(in_channels, embed_dim)
    return nn.Sequential(parts)
