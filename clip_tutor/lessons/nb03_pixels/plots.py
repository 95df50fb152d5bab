"""The figures of notebook 03: pixels as numbers, weights as heat maps, and images that differ, side by side."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from clip_tutor.images.resizing import KERNELS
from clip_tutor.lab.plots.style import COLORS, DIVERGING, INK, MUTED, canvas
from clip_tutor.lab.widgets.gallery import as_image

CHANNELS = {"red": "#C23B22", "green": "#2E8B57", "blue": "#2F5FB3"}  # their own colors, here alone


def numbers_behind(image: Any, left: int, top: int, side: int = 8) -> Figure:
    """Draw an image with a small square marked in it, and beside it that square's pixels with their red values."""
    pixels = as_image(image)
    figure, (whole, near) = canvas(10, 3.8, columns=2, image=True)
    whole.imshow(pixels)
    whole.add_patch(Rectangle((left - 2, top - 2), side + 4, side + 4, fill=False, edgecolor="white", linewidth=3))
    whole.add_patch(Rectangle((left - 2, top - 2), side + 4, side + 4, fill=False, edgecolor=INK, linewidth=1))
    height, width = pixels.shape[:2]
    whole.set_title(f"{width} × {height} pixels")
    square = pixels[top : top + side, left : left + side]
    near.imshow(square)
    for (row, column), value in np.ndenumerate(square[:, :, 0]):
        light = square[row, column] @ [0.3, 0.6, 0.1] > 128
        near.text(column, row, str(value), ha="center", va="center", size=9, color=INK if light else "white")
    near.set_title(f"{side} × {side} of them, and how red each is")
    figure.suptitle("An image is a table of numbers from 0 to 255")
    return figure


def side_by_side(images: Mapping[str, Any], title: str, height: float = 3.2) -> Figure:
    """Draw images in a row, each as tall as the others below its name, with every pixel a sharp square."""
    arrays = {name: as_image(image) for name, image in images.items()}
    ratios = [array.shape[1] / array.shape[0] for array in arrays.values()]
    figure, axes = canvas(height * sum(ratios) + 0.2 * len(ratios), height + 0.9, columns=len(arrays), image=True)
    if grid := axes[0].get_gridspec():
        grid.set_width_ratios(ratios)
    for one, (name, array) in zip(axes, arrays.items(), strict=True):
        one.imshow(array)
        one.set_title(name)
    figure.suptitle(title)
    return figure


def weight_maps(tables: Mapping[str, Any], title: str) -> Figure:
    """Draw tables of weights (new, old), each with a scale of colors of its own that is white at 0."""
    values = {name: torch.as_tensor(table).cpu().numpy() for name, table in tables.items()}
    figure, axes = canvas(10, 1.3 + 1.35 * len(values), rows=len(values))
    for one, (name, table) in zip(axes, values.items(), strict=True):
        reach = float(np.abs(table).max())
        shades = one.imshow(table, cmap=DIVERGING, vmin=-reach, vmax=reach, aspect="auto")
        silent = int((np.abs(table).sum(axis=0) == 0).sum())
        one.set(title=f"{name}: {silent} of {table.shape[1]} old pixels count for nothing", ylabel="new pixel")
        one.grid(False)
        figure.colorbar(shades, ax=one, label="weight")
    axes[-1].set_xlabel("old pixel")
    figure.suptitle(title)
    return figure


def kernels(shrink: float = 4.0) -> Figure:
    """Draw both kernels as they are, and stretched for shrinking by ``shrink``."""
    figure, axes = canvas(9, 3.2, columns=2)
    x = torch.linspace(-2.2 * shrink, 2.2 * shrink, 601, dtype=torch.float64)
    for one, stretch in zip(axes, (1.0, shrink), strict=True):
        for (name, kernel), color in zip(KERNELS.items(), COLORS[2:4], strict=True):
            one.plot(x, kernel(x / stretch) / stretch, color=color, label=name)
        one.axhline(0, color=MUTED, linewidth=0.8)
        one.set(xlabel="distance from the new pixel's middle (old pixels)", ylabel="weight")
    axes[0].set_title("enlarging: as they are")
    axes[1].set_title(f"shrinking by {shrink:g}: stretched")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    figure.suptitle("How much does an old pixel count?")
    return figure


def difference_map(one: Any, other: Any, names: tuple[str, str], title: str) -> Figure:
    """Draw two images of one size, and how far apart they are in each pixel, in shades of 255."""
    first, second = as_image(one), as_image(other)
    apart = np.abs(first.astype(int) - second.astype(int)).max(axis=2)  # (H, W)
    figure, (left, middle, right) = canvas(11, 3.9, columns=3, image=True)
    left.imshow(first)
    left.set_title(names[0])
    middle.imshow(second)
    middle.set_title(names[1])
    shades = right.imshow(apart, cmap="magma", vmin=0, vmax=max(1, int(apart.max())))
    right.set_title(f"apart by up to {apart.max()}, {apart.mean():.1f} on average")
    figure.colorbar(shades, ax=right, shrink=0.8, label="difference (shades of 255)")
    figure.suptitle(title)
    return figure


def crop_frames(image: Any, frames: Mapping[str, tuple[float, float, float, float]], title: str) -> Figure:
    """Draw an image with frames (left, top, width, height) in it, one color for each."""
    figure, (axes,) = canvas(6.4, 4.6, image=True)
    axes.imshow(as_image(image))
    for (name, (left, top, width, height)), color in zip(
        frames.items(), ("#FFFFFF", "#E69F00", "#56B4E9"), strict=False
    ):
        axes.add_patch(Rectangle((left, top), width, height, fill=False, edgecolor=color, linewidth=3, label=name))
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc="outside lower center",
        ncols=len(frames),
        facecolor=MUTED,
        frameon=True,
        labelcolor="white",
    )
    figure.suptitle(title)
    return figure


def channel_histograms(panels: Mapping[str, Any], title: str) -> Figure:
    """Draw how often each value occurs in the three channels of pixels (..., 3, H, W), a panel for each name."""
    figure, axes = canvas(10, 3.2, columns=len(panels))
    for one, (name, pixels) in zip(axes, panels.items(), strict=True):
        channels = torch.as_tensor(pixels).float().movedim(-3, 0).flatten(1)  # (3, rest)
        for (color, ink), values in zip(CHANNELS.items(), channels, strict=True):
            label = f"{color}: mean {values.mean():.2f}, std {values.std():.2f}"
            one.hist(values.numpy(), bins=60, histtype="step", linewidth=1.6, color=ink, label=label, density=True)
        one.set(title=name, xlabel="value", ylabel="how often")
        one.set_yticks([])
        one.legend(loc="upper center", bbox_to_anchor=(0.5, -0.24), ncols=1)
    figure.suptitle(title)
    return figure
