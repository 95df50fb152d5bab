"""The figures of convolution: a kernel that slides, what skipping pixels does to a pattern, and where a pool looks.

    image (3, H, W) ─ kernel (3, k, k) ─▶ feature map (H, W)        `sliding`
    pattern (S, S) ─ every second pixel, or the mean of each square   `sampled`
    the same thing, moved pixel by pixel ─▶ how far its vector moves  `shift_board`

Like those of `lab.plots.common`, plain functions from data to a matplotlib ``Figure``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from clip_tutor.lab.plots.style import COLORS, DIVERGING, IMAGE_COLOR, INK, MUTED, SEQUENTIAL, TEXT_COLOR, canvas
from clip_tutor.lab.widgets.gallery import as_image

PAIR = (COLORS[3], IMAGE_COLOR)  # before a change, and after it


def zone_plate(size: int, finest: float = 2.0) -> torch.Tensor:
    """Return (size, size), from 0 to 1: rings that get finer outwards, ``finest`` pixels apart in mid-edge.

    All stripe widths and all directions in one image: whatever cannot show some of them gives itself away.
    """
    along = torch.arange(size) - (size - 1) / 2
    squared = along[:, None] ** 2 + along**2  # (size, size)
    return (1 + torch.cos(2 * torch.pi / (finest * size) * squared)) / 2


def sliding(image: Any, kernel: Any, feature_map: Any, place: tuple[int, int] | None = None, best: int = 1) -> Figure:
    """Draw an image, a kernel (3, k, k) or (1, k, k) and the feature map (H, W) that it makes of the image.

    A ring marks the ``best`` largest numbers of the map, in the image, too. ``place`` (row, column) is where the kernel
    was cut out, if it was; its middle.
    """
    figure, (left, middle, right) = canvas(10, 3.5, columns=3)
    values, weights = _array(feature_map), _array(kernel)
    left.imshow(as_image(image))
    left.set_title("The image")
    k = weights.shape[-1]
    if place is not None:
        row, column = place
        corner = column - k // 2 - 0.5, row - k // 2 - 0.5
        left.add_patch(Rectangle(corner, k, k, fill=False, edgecolor="white", linewidth=3))
        left.add_patch(Rectangle(corner, k, k, fill=False, edgecolor=TEXT_COLOR, linewidth=1.5))
    if len(weights) == 3:
        shown = weights - weights.min()
        middle.imshow((shown / max(float(shown.max()), 1e-9)).transpose(1, 2, 0))
    else:
        end = float(np.abs(weights).max()) or 1.0
        middle.imshow(weights[0], cmap=DIVERGING, vmin=-end, vmax=end)
        if k <= 5:
            for (y, x), weight in np.ndenumerate(weights[0]):
                ink = "white" if abs(weight) > 0.6 * end else INK
                middle.text(x, y, f"{weight:+.2g}".replace("+0", "0"), ha="center", va="center", size=11, color=ink)
    middle.set_title(f"The kernel: {k} × {k}")
    end = float(np.abs(values).max()) or 1.0
    shades = right.imshow(values, cmap=DIVERGING, vmin=-end, vmax=end)
    right.set_title("The feature map: how well it fits")
    for row, column in _peaks(values, best, k) if best else []:
        for axes in (left, right):
            axes.plot(
                column, row, "o", markersize=13, markerfacecolor="none", markeredgecolor="white", markeredgewidth=4
            )
            axes.plot(
                column, row, "o", markersize=13, markerfacecolor="none", markeredgecolor=TEXT_COLOR, markeredgewidth=2
            )
    figure.colorbar(shades, ax=right, shrink=0.8, label="dot product")
    _bare(left, middle, right)
    return figure


def _peaks(values: np.ndarray, best: int, apart: int) -> list[tuple[int, int]]:
    """Return the places of the highest values, none of them nearer to another than ``apart``."""
    left, found = values.copy(), []
    for _ in range(best):
        row, column = (int(n) for n in np.unravel_index(left.argmax(), left.shape))
        found.append((row, column))
        left[max(0, row - apart) : row + apart + 1, max(0, column - apart) : column + apart + 1] = -np.inf
    return found


def sampled(images: Mapping[str, Any], title: str) -> Figure:
    """Draw gray images (S, S) of any size side by side, all from black 0 to white 1, each with its size below."""
    figure, panels = canvas(3.6 * len(images) + 0.2, 4.3, columns=len(images))
    for axes, (name, image) in zip(panels, images.items(), strict=True):
        values = _array(image)
        # Enlarged to about one size: a screen that skips pixels would add rings of its own.
        larger = values.repeat(max(1, round(768 / len(values))), axis=0).repeat(
            max(1, round(768 / len(values))), axis=1
        )
        axes.imshow(larger, vmin=0, vmax=1, interpolation="hanning")
        axes.set_title(name)
        axes.set_xlabel(f"{values.shape[1]} × {values.shape[0]} pixels")
    _bare(*panels)
    figure.suptitle(title)
    return figure


def shift_board(image: Any, shift: int, moved: Mapping[str, Any], maps: Mapping[str, Any]) -> Figure:
    """Draw how far an image's vector moves while the thing in it moves pixel by pixel.

    Args:
        image: the image at the present ``shift``, in pixels.
        moved: for each network the distances (S,) from where its vector began, for the shifts 0, 1, 2 and so on; 1 is
            as far as from one image to another.
        maps: for each network (H, W), the feature map at the present shift; drawn between image and curves.
    """
    figure = Figure(figsize=(10, 4.1), layout="constrained")
    grid = figure.add_gridspec(len(maps), 3, width_ratios=[1.55, 0.8, 2.3])
    left, curve = figure.add_subplot(grid[:, 0]), figure.add_subplot(grid[:, 2])
    left.imshow(as_image(image))
    left.set_title(f"Moved by {shift} px")
    between = [figure.add_subplot(grid[row, 1]) for row in range(len(maps))]
    for axes, (name, values), color in zip(between, maps.items(), PAIR, strict=False):
        axes.imshow(_array(values), cmap=SEQUENTIAL)
        axes.set_title(name, color=color, size=9.5)
    _bare(left, *between)
    for (name, values), color in zip(moved.items(), PAIR, strict=False):
        distances = _array(values)
        curve.plot(distances, ".-", color=color, linewidth=1.5, markersize=5, label=name)
        curve.plot(shift, distances[shift], "o", color=color, markersize=10, clip_on=False)
    curve.axhline(1, color=MUTED, linestyle="--", linewidth=1.2)
    curve.text(len(distances) - 1, 0.99, "from one image to another", color=MUTED, size=9, ha="right", va="top")
    curve.axvline(shift, color=MUTED, linestyle=":", linewidth=1.2)
    top = max(1.3, 1.25 * max(float(_array(values).max()) for values in moved.values()))
    curve.set(xlabel="shift (pixels)", ylabel="distance from shift 0", ylim=(0, top))
    curve.set_title("How far the vector moved")
    curve.legend(loc="upper left", ncols=len(moved))
    return figure


def attention_over(images: Sequence[Any], weights: Any, title: str = "Where the pool looks") -> Figure:
    """Draw each image, and below it the same with a light only where a pool looks: weights (B, h, w) of its places.

    The brightest place of each image has its full color; the weight of the brightest stands below, as a multiple of
    what it would be if all places weighed alike.
    """
    values = _array(weights)
    if len(values) != len(images):
        raise ValueError(f"{len(images)} images need as many maps of weights, not {len(values)}")
    figure, panels = canvas(1.4 * len(images) + 0.3, 3.6, rows=2, columns=len(images))
    for above, below, image, places in zip(panels[: len(images)], panels[len(images) :], images, values, strict=True):
        shown = as_image(image)
        above.imshow(shown)
        H, W = shown.shape[:2]
        h, w = places.shape
        light = (places / places.max()).repeat(H // h, axis=0).repeat(W // w, axis=1)[..., None] ** 0.5
        below.imshow((light * shown + (1 - light) * 0.16 * shown).astype(np.uint8))
        below.set_xlabel(f"up to {places.max() / places.mean():.0f} ×", size=9)
    _bare(*panels)
    panels[0].set_ylabel("image")
    panels[len(images)].set_ylabel("light = weight")
    figure.suptitle(title)
    return figure


def _bare(*panels: Axes) -> None:
    for axes in panels:
        axes.set(xticks=[], yticks=[])
        axes.grid(False)
        axes.set_frame_on(False)


def _array(values: Any) -> np.ndarray:
    return np.asarray(values.detach().cpu().numpy() if hasattr(values, "detach") else values, dtype=float)
