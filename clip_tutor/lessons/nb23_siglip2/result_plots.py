"""Figures of what trainings in notebook 23 gave: collapse, pointing, regions, and what each part is worth."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.colors import hsv_to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import NullFormatter
from torch import Tensor

from clip_tutor.evaluation.dense import as_grid
from clip_tutor.lab.plots.style import COLORS, FAINT, INK, MUTED, SEQUENTIAL, TEXT_COLOR, THOUSANDS, canvas
from clip_tutor.lab.widgets.gallery import as_image
from clip_tutor.lessons.nb23_siglip2.claims import ARMS, MEASURES, all_gains
from clip_tutor.lessons.nb23_siglip2.worlds import Looked

OTHER_BOX = FAINT
LOSSES = (0.5, 1, 2, 4)


def views_figure(image: Any, large: Any, small: Sequence[Any], title: str) -> Figure:
    """Draw an image, its large view and its small ones."""
    shown = [(image, "the image"), (large, "large view"), *((view, "") for view in small)]
    figure, axes = canvas(1.15 * len(shown), 1.9, columns=len(shown), image=True)
    for one, (view, name) in zip(axes, shown, strict=True):
        one.imshow(as_image(view))
        one.set_title(name, size=9, loc="center")
    axes[2].set_title("small views", size=9, loc="left")
    figure.suptitle(title)
    return figure


def winners_figure(shares: Mapping[str, Tensor], title: str) -> Figure:
    """Draw how often each prototype is a teacher's favorite, the most frequent first.

    Args:
        shares: for each name (K,), shares of all images.
    """
    figure, panels = canvas(4.4 * len(shares), 3.2, columns=len(shares))
    most = 1.1 * max(float(share.max()) for share in shares.values())
    for axes, (name, share), color in zip(panels, shares.items(), COLORS, strict=False):
        values = share.sort(descending=True).values
        axes.bar(range(1, len(values) + 1), values.tolist(), color=color, width=1.0)
        axes.set(title=name, xlabel="prototypes, most frequent first", ylabel="share of the images", ylim=(0, most))
    figure.suptitle(title)
    return figure


def collapse_figure(runs: Mapping[str, Sequence[Mapping[str, float]]], prototypes: int, title: str) -> Figure:
    """Draw two curves of each training: the loss of self-distillation beside ln K, and what answers tell.

    Args:
        runs: for each name, records with "loss" and "information" of every step.
        prototypes: K.
    """
    figure, panels = canvas(9.4, 3.6, columns=2)
    for axes, (name, words) in zip(panels, _COLLAPSE.items(), strict=True):
        for (run, records), color in zip(runs.items(), COLORS, strict=False):
            axes.plot([record[name] for record in records], color=color, label=run)
        axes.axhline(math.log(prototypes), color=MUTED, linestyle="--", linewidth=1.2)
        axes.text(0, math.log(prototypes) + 0.08, "ln K", color=MUTED, size=9)
        axes.set(title=words, xlabel="step", ylabel="nats", ylim=(-0.15, math.log(prototypes) * 1.3))
    panels[1].legend(loc="best")
    figure.suptitle(title)
    return figure


def pointing_figure(
    looked: Looked, maps: Mapping[str, Tensor], names: Sequence[str], chosen: Sequence[int], title: str
) -> Figure:
    """Draw images with the box around what is asked for, and for each model which patches are most like the words.

    Args:
        maps: for each model's name (B, N) cosines.
        names: what is asked for, one an image.
        chosen: which of the images are drawn.
    """
    figure, axes = canvas(1.75 * len(chosen), 1.75 * (1 + len(maps)) + 0.7, 1 + len(maps), len(chosen), image=True)
    for place, b in enumerate(chosen):
        top = axes[place]
        top.imshow(as_image(looked.pixels[b]))
        top.set_title(names[b], size=9, loc="center")
        size = looked.pixels.shape[-1]
        for corners, color in zip(looked.boxes.corners[b, :2], (TEXT_COLOR, OTHER_BOX), strict=True):
            _box(top, corners, size, color)
        for row, (model, each) in enumerate(maps.items(), 1):
            below = axes[row * len(chosen) + place]
            grid = as_grid(each[b][None, :, None])[0, :, :, 0]
            down, across = divmod(int(grid.flatten().argmax()), len(grid))
            below.imshow(grid.numpy(), cmap=SEQUENTIAL)
            below.plot(across, down, "o", color="white", markeredgecolor=INK, markersize=7)
            _box(below, looked.boxes.corners[b, 0], len(grid), TEXT_COLOR)
            if not place:
                below.set_title(model, size=9)
    figure.suptitle(title)
    return figure


def regions_figure(looked: Looked, regions: Mapping[str, Tensor], chosen: Sequence[int], title: str) -> Figure:
    """Draw images and, in colors of their own for each class, what covers their pixels.

    Args:
        regions: for each name (B, H, W) classes, 0 for the background.
    """
    figure, axes = canvas(1.45 * len(chosen), 1.45 * (1 + len(regions)) + 0.7, 1 + len(regions), len(chosen), True)
    for place, b in enumerate(chosen):
        axes[place].imshow(as_image(looked.pixels[b]))
        for row, (name, classes) in enumerate(regions.items(), 1):
            one = axes[row * len(chosen) + place]
            one.imshow(class_colors(classes[b]))
            if not place:
                one.set_title(name, size=9)
    figure.suptitle(title)
    return figure


def class_colors(classes: Tensor) -> np.ndarray:
    """Return (H, W, 3): a color for each class of (H, W), the background nearly white."""
    rows = classes.numpy()
    hue = (rows * 0.618034) % 1  # neighbors in the list are far apart on the circle of hues
    strength = 0.55 + 0.45 * (rows % 3) / 2
    return np.where((rows > 0)[..., None], hsv_to_rgb(np.stack([hue, strength, 1 - 0.3 * (rows % 2)], -1)), 0.94)


def curves_figure(curves: Mapping[str, Mapping[str, Any]], title: str) -> Figure:
    """Draw the sigmoid loss of each arm twice: over seconds of one core, and over images.

    Args:
        curves: for each name what a training wrote: "seconds", "images" and "sigmoid".
    """
    figure, panels = canvas(9.4, 3.6, columns=2)
    for axes, name, words in zip(panels, ("seconds", "images"), ("equal seconds", "equal images"), strict=True):
        for (arm, curve), color in zip(curves.items(), COLORS, strict=False):
            axes.plot(curve[name], curve["sigmoid"], color=color, label=arm)
        axes.set(title=words, xlabel=f"{name} of training", ylabel="sigmoid loss", yscale="log")
        axes.set_yticks(LOSSES, [f"{loss:g}" for loss in LOSSES])
        axes.yaxis.set_minor_formatter(NullFormatter())
    panels[1].xaxis.set_major_formatter(THOUSANDS)
    panels[0].legend()
    figure.suptitle(title)
    return figure


def gains_figure(results: Mapping[str, Any], title: str) -> Figure:
    """Draw each gain with its interval, a panel for each measure."""
    figure, panels = canvas(10.2, 3.4, columns=len(MEASURES))
    for place, (axes, (measure, name)) in enumerate(zip(panels, MEASURES.items(), strict=True)):
        gains = all_gains(results, measure)
        for row, gain in enumerate(gains.values()):
            color = COLORS[0] if gain.verdict == "more" else COLORS[1] if gain.verdict == "less" else MUTED
            if gain.interval:
                axes.plot(gain.interval, [row, row], color=color, linewidth=2.5)
            axes.plot(gain.mean, row, "o", color=color)
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set_yticks(range(len(gains)), list(gains) if not place else [""] * len(gains))
        axes.set(title=name, xlabel="difference", ylim=(len(gains) - 0.5, -0.5))
    figure.suptitle(title)
    return figure


def seeds_figure(results: Mapping[str, Any], title: str) -> Figure:
    """Draw what each model of each arm and seed can do: a dot a seed."""
    figure, panels = canvas(10.2, 3.4, columns=len(MEASURES))
    arms = [arm for arm in ARMS if arm in results["runs"]]
    for place, (axes, (measure, name)) in enumerate(zip(panels, MEASURES.items(), strict=True)):
        for row, arm in enumerate(arms):
            values = [run[measure] for run in results["runs"][arm].values()]
            axes.plot(values, [row] * len(values), "o", color=COLORS[0], alpha=0.6)
        axes.set_yticks(range(len(arms)), [ARMS[arm] for arm in arms] if not place else [""] * len(arms))
        axes.set(title=name, xlabel="on unseen scenes", ylim=(len(arms) - 0.5, -0.5))
    figure.suptitle(title)
    return figure


_COLLAPSE = {"loss": "loss of self-distillation", "information": "what an answer tells of the image"}


def _box(axes: Any, corners: Tensor, side: int, color: str) -> None:
    """Draw a box, given in shares, over an image of so many pixels or patches a side."""
    left, top, right, bottom = (side * corners).tolist()
    frame = Rectangle((left - 0.5, top - 0.5), right - left, bottom - top, fill=False, edgecolor=color, linewidth=1.8)
    axes.add_patch(frame)
