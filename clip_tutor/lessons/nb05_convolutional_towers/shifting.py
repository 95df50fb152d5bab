"""How far does an image's vector move when the thing in it moves by a pixel?

thing, moved by 0, 1, 2 … pixels ─ network ─▶ (S, E) ─ distance from the first ─▶ (S,)
many images of other things      ─ network ─▶ (G, E) ─ mean distance of two   ─▶ the unit it is measured in
"""

import torch
from torch import Tensor, nn

from clip_tutor.data.emoji import Emoji, find_emoji
from clip_tutor.images import normalize
from clip_tutor.lessons.nb05_convolutional_towers.portraits import portrait

THINGS = tuple("🐈🚗🌵🍎🎸🚀🦉🏰")
SIDE, SIZE = 128, 48  # pixels: of the image, and of the thing in it
FARTHEST = 32  # pixels; an ordinary ResNet halves its image five times, so it sees the same again after 2⁵


def frames(thing: Emoji) -> Tensor:
    """Return (33, 3, 128, 128) images of a thing that moves right, a pixel at a time, on white."""
    left, top = (SIDE - SIZE - FARTHEST) // 2, (SIDE - SIZE) // 2
    return torch.stack([portrait(thing, SIDE, SIZE, left + shift, top) for shift in range(FARTHEST + 1)])


def other_images() -> Tensor:
    """Return (24, 3, 128, 128): eight things in front of three colors each."""
    colors = ("white", "blue", "green")
    return torch.stack([portrait(t, SIDE, SIZE, 40, 40, color) for t in find_emoji(THINGS) for color in colors])


@torch.no_grad()
def wake(network: nn.Module, pixels: Tensor) -> nn.Module:
    """Make an untrained network respond to images, and return it, in evaluation mode.

    A new residual block adds nothing, and a BatchNorm has measured nothing: here every block gets its say, and the
    BatchNorms take mean and spread from ``pixels`` (B, 3, H, W), uint8.
    """
    for module in network.modules():
        if isinstance(last := getattr(module, "conv3", None), nn.Module):
            norm = last.norm
            assert isinstance(norm, nn.BatchNorm2d)
            nn.init.ones_(norm.weight)
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the plain mean of all batches, and there is only one
    network.train()(normalize(pixels))
    return network.eval()


@torch.no_grad()
def travel(network: nn.Module, moving: Tensor, others: Tensor) -> tuple[Tensor, float]:
    """Return how far each frame's vector lies from the first frame's (S,), and how far from frame to frame on average.

    The unit is the mean distance between two of the ``others``. Both are uint8 images.
    """
    unit = torch.pdist(network(normalize(others))).mean()
    vectors = network(normalize(moving)) / unit  # (S, E)
    step = (vectors[1:] - vectors[:-1]).norm(dim=1).mean()
    return (vectors - vectors[0]).norm(dim=1), float(step)
