"""The images of notebook 05 for places without a kernel."""

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure

from clip_tutor.data.emoji import find_emoji
from clip_tutor.images import normalize
from clip_tutor.lessons.nb05_convolutional_towers.plots import sampled, shift_board, zone_plate
from clip_tutor.lessons.nb05_convolutional_towers.shifting import frames, other_images, travel, wake
from clip_tutor.towers import ResNet, ResNetConfig


def card() -> Figure:
    """Draw rings at a quarter of their size: every fourth pixel, and the mean of 4 × 4."""
    rings = zone_plate(192)
    figure = sampled(
        {
            "a pattern of rings": rings,
            "every fourth pixel": rings[::4, ::4],
            "the mean of 4 × 4 pixels": F.avg_pool2d(rings[None], 4)[0],
        },
        "One of these makes up rings that are not there",
    )
    figure.set_size_inches(7.2, 3.1)  # so fine a pattern takes many bytes
    return figure


def shift(pixels: int = 7) -> Figure:
    """Draw the notebook's widget as it stands when the owl has moved by 7 pixels."""
    moving, others = frames(find_emoji("🦉")[0]), other_images()
    moved, maps = {}, {}
    for name, blur in (("every second pixel", False), ("mean first", True)):
        torch.manual_seed(0)
        config = ResNetConfig(128, (1, 1, 1, 1), width=16, deep_stem=blur, blur=blur, attention_pool=False)
        network = ResNet(config, embed_dim=64)
        wake(network, others)
        moved[name], _ = travel(network, moving, others)
        with torch.no_grad():
            seen = network.stage2(network.stage1(network.stem(normalize(moving[pixels : pixels + 1]))))
        maps[name] = seen[0].mean(dim=0)
    return shift_board(moving[pixels], pixels, moved, maps)
