"""Notebook 03's widget: images on their way to a model, with one step or another done wrong, and what that costs.

large images ─ surface ─▶ resize, crop ─▶ colors ─▶ numbers ─▶ image encoder ─▶ how many captions find theirs?
"""

from collections.abc import Callable
from functools import lru_cache
from textwrap import fill
from typing import Literal

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from clip_tutor.data.emoji import FIRST_WORDS, find_emoji
from clip_tutor.data.scenes import Scenes
from clip_tutor.embedding import encode_texts
from clip_tutor.evaluation.retrieval import bootstrap_interval, ranks
from clip_tutor.images import CLIP_PREPROCESSING, resize_pixels
from clip_tutor.lab.plots.style import FAINT, IMAGE_COLOR, INK, MUTED, TEXT_COLOR
from clip_tutor.lab.widgets.gallery import as_image
from clip_tutor.lessons.nb03_pixels.recipes import RECIPES
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer

Shape = Literal["square", "3:2"]
Surface = Literal["clean", "grainy", "off a screen"]
Fit = Literal["crop", "squash"]
RATIOS: dict[str, float] = {"square": 1.0, "3:2": 1.5}
SURFACES = ("clean", "grainy", "off a screen")
FITS = ("crop", "squash")

# What becomes of pixels from 0 to 1 before the encoder reads them.
NUMBERS: dict[str, Callable[[Tensor], Tensor]] = {name: recipe.of_shades for name, recipe in RECIPES.items()}


def photographed(pixels: Tensor, surface: Surface, seed: int = 0) -> Tensor:
    """Return pixels (N, 3, H, W), 0 to 1, with detail finer than a small image can hold.

    "grainy" adds a camera's noise in weak light, "off a screen" the dark and bright lines of a monitor.
    """
    if surface == "grainy":
        return (pixels + 0.1 * torch.randn(pixels.shape, generator=torch.Generator().manual_seed(seed))).clamp(0, 1)
    if surface == "off a screen":
        rows = torch.arange(pixels.shape[-2])
        lines = 0.3 * torch.cos(rows * 2 * torch.pi / 3.5)  # (H,): a bright one every 3.5 rows
        return (pixels + lines[:, None]).clamp(0, 1)
    return pixels


def widened(pixels: Tensor, ratio: float, seed: int = 0) -> Tensor:
    """Return pixels (N, 3, H, W) on a wider canvas of their own background color, each at some place of its own."""
    N, C, H, W = pixels.shape
    width = round(ratio * H)
    canvases = pixels[:, :, :1, :1].expand(N, C, H, width).clone()  # (N, 3, H, ratio * H)
    places = torch.randint(width - W + 1, (N,), generator=torch.Generator().manual_seed(seed)).tolist()
    for wide, narrow, left in zip(canvases, pixels, places, strict=True):
        wide[:, :, left : left + W] = narrow
    return canvases


class Studio:
    """Large test scenes of everyday things, and a model that looks at them after this preparation or that."""

    def __init__(self, model: CLIP, tokenizer: Tokenizer, count: int = 200, side: int = 192) -> None:
        self.model, self.size = model, model.config.vision.image_size
        scenes = Scenes(find_emoji(FIRST_WORDS), "test", side)
        batch = scenes.batch(scenes.distinct(count))
        self.large, self.captions = batch.pixels / 255, batch.captions  # (N, 3, side, side), 0 to 1
        self.texts = encode_texts(model, tokenizer, self.captions)  # (N, E)
        self.small = lru_cache(maxsize=32)(self._small)
        self.usual = self.found(self.tensors())

    def _small(self, shape: Shape, surface: Surface, fit: Fit, smooth: bool) -> Tensor:
        """Return the images (N, 3, S, S), 0 to 1, resized and cropped."""
        large = photographed(widened(self.large, RATIOS[shape]), surface)
        width = self.size if fit == "squash" else round(RATIOS[shape] * self.size)
        small = resize_pixels(large, self.size, width, antialias=smooth).clamp(0, 1)
        left = (width - self.size) // 2
        return small[:, :, :, left : left + self.size]

    def tensors(
        self,
        shape: Shape = "square",
        surface: Surface = "clean",
        fit: Fit = "crop",
        smooth: bool = True,
        colors: str = "RGB",
        mirrored: bool = False,
        numbers: str = "CLIP's mean and std",
    ) -> Tensor:
        """Return the images (N, 3, S, S) as the encoder would get them after these steps."""
        pixels = self.small(shape, surface, fit, smooth)
        if colors == "BGR":
            pixels = pixels.flip(1)
        if mirrored:
            pixels = pixels.flip(3)
        return NUMBERS[numbers](pixels)

    def found(self, tensors: Tensor) -> Tensor:
        """Return (N,): whether each caption finds its own image first, among all N."""
        with torch.no_grad():
            images = self.model.encode_image(tensors, normalize=True)  # (N, E)
        return ranks(self.texts @ images.T) < 1

    def board(self, shown: int = 10, **steps: object) -> Figure:
        """Draw what arrives at the encoder after these steps, and how many captions still find their image."""
        tensors = self.tensors(**steps)  # type: ignore[arg-type]  # the names of the steps are those of `tensors`
        found = self.found(tensors)
        figure = Figure(figsize=(10, 7), layout="constrained")
        above, below = np.asarray(figure.subfigures(2, 1, height_ratios=[3.7, 1]))
        for place, one in enumerate(above.subplots(2, shown // 2).flat):
            one.imshow(as_image(as_the_encoder_reads(tensors[place])))
            one.set_axis_off()
            mark, color = ("✓ found", IMAGE_COLOR) if found[place] else ("✗ not found", TEXT_COLOR)
            one.set_title(mark, color=color, size=9.5, loc="center", pad=4)
            below_it = fill(self.captions[place], 26, max_lines=2, placeholder=" …")
            one.text(0.5, -0.03, f"{below_it}\n", ha="center", va="top", size=8, transform=one.transAxes)
        _meter(below.subplots(), found, self.usual)
        lost = round(100 * float(self.usual.float().mean() - found.float().mean()))
        told = f"{lost} of 100 captions lost" if lost > 0 else "no caption lost"
        figure.suptitle(f"What arrives, read as the encoder reads it: {told}")
        return figure


def as_the_encoder_reads(tensor: Tensor) -> Tensor:
    """Return the image (3, H, W), 0 to 1, that an encoder trained with CLIP's numbers takes these numbers for."""
    mean = torch.tensor(CLIP_PREPROCESSING.mean).view(3, 1, 1)
    std = torch.tensor(CLIP_PREPROCESSING.std).view(3, 1, 1)
    return (tensor * std + mean).clamp(0, 1)


def _meter(axes: Axes, found: Tensor, usual: Tensor) -> None:
    """Draw the share of captions that find their image, with its interval, over the one of a proper preparation."""
    for row, (hits, color) in enumerate(((usual, MUTED), (found, TEXT_COLOR))):
        low, high = bootstrap_interval(hits)
        share = hits.float().mean()
        axes.plot([low, high], [row, row], color=color, linewidth=6, alpha=0.45, solid_capstyle="butt")
        axes.plot(share, row, "o", color=color, clip_on=False)
        axes.text(1.02, row, f"{share:.3f} ({low:.3f} to {high:.3f})", va="center", color=INK, size=9.5)
    axes.set(xlim=(0, 1), ylim=(1.6, -0.6), yticks=[0, 1], yticklabels=["prepared right", "as set above"])
    axes.set(xlabel=f"share of {len(found)} captions that find their own image first, 95 % interval")
    axes.grid(axis="x", color=FAINT)
