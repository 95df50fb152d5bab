"""The images of notebook 04 for places without a kernel. They come from a tower of their own: half a minute."""

from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from clip_tutor.data.drawing import BACKGROUNDS
from clip_tutor.data.emoji import find_emoji
from clip_tutor.data.scenes import Scene, Scenes
from clip_tutor.images import normalize
from clip_tutor.lab.plots.style import TEXT_COLOR
from clip_tutor.lab.samples.collection import FAVORITES
from clip_tutor.lab.widgets.gallery import as_image
from clip_tutor.lessons.nb04_vision_transformer.attention_maps import attention_maps
from clip_tutor.lessons.nb04_vision_transformer.plots import attention_grid, overlay
from clip_tutor.towers import VisionTransformer, ViTConfig
from clip_tutor.training.schedule import make_optimizer, warmup_cosine

MOMENTS = (0, 15, 40, 80, 150, 299)  # steps
SHOWN = (0, 3, 8, 9, 12)  # of the test scenes
BATCH = 64


class _Run(NamedTuple):
    tower: VisionTransformer
    images: Tensor  # (5, 3, H, W) uint8
    frames: list[Tensor]  # (5, N) at each moment: where the class token looks in the last block


@lru_cache(maxsize=1)
def _run() -> _Run:
    """Train the notebook's tower to say what a scene shows, and on which color."""
    torch.manual_seed(0)
    things = find_emoji(FAVORITES) * 4  # scenes want 48
    scenes, unseen = Scenes(things, "train"), Scenes(things, "test")
    config = ViTConfig(image_size=64, patch_size=8, width=64, layers=3, heads=4, activation="gelu")
    tower, images = VisionTransformer(config, embed_dim=24), unseen.batch(SHOWN).pixels
    optimizer, frames = make_optimizer(tower, weight_decay=0.05), []
    for step in range(MOMENTS[-1] + 1):
        if step in MOMENTS:
            frames.append(attention_maps(tower, normalize(images))[:, -1, :, 0, 1:].mean(dim=1))
        batch = scenes.batch(range(step * BATCH, (step + 1) * BATCH))
        thing, color = tower(normalize(batch.pixels)).split(12, dim=1)
        loss = F.cross_entropy(thing, _things(batch.scenes)) + F.cross_entropy(color, _colors(batch.scenes))
        for group in optimizer.param_groups:
            group["lr"] = warmup_cosine(step, MOMENTS[-1] + 1, 20, 2e-3)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(tower.parameters(), 1.0)
        optimizer.step()
    return _Run(tower.eval(), images, frames)


def _things(scenes: list[Scene]) -> Tensor:
    """Return (B, 12): the share of each of the twelve things in a scene."""
    shares = torch.zeros(len(scenes), len(FAVORITES))
    for row, scene in zip(shares, scenes, strict=True):
        for thing in scene.objects:
            row[FAVORITES.index(thing.character)] = 1 / len(scene.objects)
    return shares


def _colors(scenes: list[Scene]) -> Tensor:
    return torch.tensor([list(BACKGROUNDS).index(scene.background) for scene in scenes])  # (B,)


def card() -> Figure:
    """Draw where the class token looks in five images, from the first step of training to the last."""
    _, images, frames = _run()
    names = [f"step {step}" for step in MOMENTS]
    return attention_grid(list(images), torch.stack(frames, dim=1), names, "A tower learns where to look", shared=True)


def board() -> Figure:
    """Draw the notebook's widget with one patch chosen: where that looks, by block and head."""
    tower, images, _ = _run()
    image = images[1]
    weights = attention_maps(tower, normalize(image[None]))[0]  # (L, K, T, T)
    G = round((weights.shape[-1] - 1) ** 0.5)
    token = 1 + int(weights[:, :, 0, 1:].mean(dim=(0, 1)).argmax())  # the patch that is looked at most
    row, column = divmod(token - 1, G)
    side = image.shape[-1] / G
    L, K = weights.shape[:2]
    figure = Figure(figsize=(9.6, 4.0), layout="constrained")
    grid = figure.add_gridspec(L, K + 3)
    whole = figure.add_subplot(grid[:, :3])
    whole.imshow(as_image(image))
    maps = [figure.add_subplot(grid[n // K, 3 + n % K]) for n in range(L * K)]
    for n, one in enumerate(maps):
        one.imshow(overlay(image, weights[n // K, n % K, token, 1:]))
        one.set_title(f"block {n // K + 1}, head {n % K + 1}", size=8, loc="center", pad=4)
    for one in (whole, *maps):
        one.add_patch(Rectangle((column * side - 0.5, row * side - 0.5), side, side, ec=TEXT_COLOR, fc="none", lw=2))
        one.set_axis_off()
    whole.set_title("Click on a patch, and see where it looks")
    return figure
