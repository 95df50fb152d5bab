"""Figures of notebook 23: patches that are alike, hidden patches, images packed into a budget, a teacher's pace.

Patches in colors, before and after, are `clip_tutor.lab.plots.patch_plots.token_colors`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image
from torch import Tensor

from clip_tutor.evaluation.dense import as_grid
from clip_tutor.images.naflex import native_size
from clip_tutor.lab.plots.style import COLORS, FAINT, IMAGE_COLOR, INK, MUTED, SEQUENTIAL, canvas
from clip_tutor.lab.widgets.gallery import as_image

HIDDEN = "#C9CBCE"  # a patch that is not seen
PADDING = FAINT


def alike_figure(image: Any, features: Mapping[str, Tensor], row: int, column: int, title: str) -> Figure:
    """Draw an image with one patch marked, and for each model the cosine of that patch with all others.

    Args:
        features: for each model's name (N, D), all of the same number of patches.
        row, column: which patch, from 0.
    """
    grids = {name: as_grid(F.normalize(each, dim=-1)[None])[0] for name, each in features.items()}  # (side, side, D)
    side = len(next(iter(grids.values())))
    cosines = {name: (grid @ grid[row, column]).numpy() for name, grid in grids.items()}
    low = min(float(map_.min()) for map_ in cosines.values())
    figure, (shown, *maps) = canvas(2.7 * (1 + len(grids)) + 0.7, 3.3, columns=1 + len(grids), image=True)
    shown.imshow(as_image(image), extent=(-0.5, side - 0.5, side - 0.5, -0.5))
    shown.set_title(f"row {row}, column {column}", fontsize=10)
    shades = None
    for one, (name, map_) in zip(maps, cosines.items(), strict=True):
        shades = one.imshow(map_, cmap=SEQUENTIAL, vmin=low, vmax=1)
        one.set_title(name, fontsize=10)
    for one in (shown, *maps):
        frame = (column - 0.5, row - 0.5)
        one.add_patch(Rectangle(frame, 1, 1, fill=False, edgecolor="white", linewidth=3.5))
        one.add_patch(Rectangle(frame, 1, 1, fill=False, edgecolor=INK, linewidth=1.5))
    if shades:
        figure.colorbar(shades, ax=maps, shrink=0.8, label="cosine with the marked patch")
    figure.suptitle(title)
    return figure


def hidden_figure(image: Any, masked: Tensor, title: str) -> Figure:
    """Draw what the teacher sees, and what is left for the student.

    Args:
        masked: (N,) bool, True where a patch is hidden.
    """
    pixels = as_image(image)
    hidden = as_grid(masked[None, :, None])[0, :, :, 0]  # (side, side)
    figure, (whole, part) = canvas(6.4, 3.5, columns=2, image=True)
    for one, name in ((whole, "the teacher sees"), (part, "the student sees")):
        one.imshow(pixels)
        one.set_title(name, fontsize=10)
    _patch_lines(part, pixels.shape[1], pixels.shape[0], hidden.shape[1], hidden.shape[0])
    high, wide = pixels.shape[0] / hidden.shape[0], pixels.shape[1] / hidden.shape[1]
    for row, column in hidden.nonzero().tolist():
        part.add_patch(Rectangle((column * wide - 0.5, row * high - 0.5), wide, high, color=HIDDEN, linewidth=0))
    figure.suptitle(title)
    return figure


def packing_figure(image: Image.Image, max_patches: int, patch_size: int, title: str) -> Figure:
    """Draw an image squashed to a square and in its own shape, both cut into patches, and how full the row becomes.

    The square is the largest that the budget allows.

    Args:
        max_patches: how many patches a row holds.
        patch_size: P, in pixels.
    """
    side = int(max_patches**0.5)
    height, width = native_size(image.height, image.width, patch_size, max_patches)
    figure, (square, native, row) = canvas(9.5, 3.7, columns=3)
    down, across = height // patch_size, width // patch_size
    for one, (name, h, w) in ((square, ("squashed", side, side)), (native, ("its own shape", down, across))):
        pixels = as_image(image.resize((w * patch_size, h * patch_size), Image.Resampling.BILINEAR))
        one.imshow(pixels)
        _patch_lines(one, w * patch_size, h * patch_size, w, h)
        stretch = (w / h) / (image.width / image.height)
        off = abs(stretch - 1)
        words = "its own proportions" if off < 0.005 else f"{off:.0%} {'too wide' if stretch > 1 else 'too narrow'}"
        one.set_title(f"{name}: {h} × {w}\n{words}", fontsize=10)
        one.set_axis_off()
    for place, (name, used) in enumerate({"squashed": side**2, "its own shape": down * across}.items()):
        row.barh(place, used, 0.5, color=(MUTED, IMAGE_COLOR)[place])
        row.barh(place, max_patches - used, 0.5, left=used, color=PADDING)
        row.text(0.01 * max_patches, place - 0.36, f"{name}: {used} of {max_patches}", size=9, va="bottom")
    row.set(xlim=(0, max_patches), ylim=(1.5, -0.8), xlabel="patches in the row; the rest is padding")
    row.set_yticks([])
    row.grid(visible=False)
    figure.suptitle(title)
    return figure


def following_figure(steps: Tensor, momenta: Mapping[str, float], title: str) -> Figure:
    """Draw a weight of a student over its steps, and what teachers of several momenta make of it.

    Args:
        steps: (T,) the student's weight after each step.
        momenta: for each name how much of itself a teacher keeps at a step.
    """
    figure, (axes,) = canvas(8.4, 3.5)
    axes.plot(steps.tolist(), color=MUTED, linewidth=1, label="student")
    for (name, momentum), color in zip(momenta.items(), COLORS, strict=False):
        axes.plot(followed(steps, momentum), color=color, label=name)
    axes.set(xlabel="step", ylabel="one weight")
    axes.legend(loc="lower right")
    figure.suptitle(title)
    return figure


def followed(steps: Tensor, momentum: float) -> list[float]:
    """Return what a teacher's weight is after each of the student's steps (T,), starting where the student does."""
    teacher, values = float(steps[0]), []
    for student in steps.tolist():
        teacher = momentum * teacher + (1 - momentum) * student
        values.append(teacher)
    return values


def _patch_lines(axes: Axes, width: int, height: int, across: int, down: int) -> None:
    """Draw thin lines between patches over an image of so many pixels."""
    for x in np.linspace(0, width, across + 1)[1:-1] - 0.5:
        axes.axvline(x, color=MUTED, linewidth=0.6, alpha=0.6)
    for y in np.linspace(0, height, down + 1)[1:-1] - 0.5:
        axes.axhline(y, color=MUTED, linewidth=0.6, alpha=0.6)
