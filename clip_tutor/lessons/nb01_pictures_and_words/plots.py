"""Figures of notebook 01, images and words: plain functions from data to a matplotlib ``Figure``."""

from collections.abc import Mapping, Sequence
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from torch import Tensor

from clip_tutor.evaluation.information import Information
from clip_tutor.evaluation.retrieval import bootstrap_interval
from clip_tutor.lab.plots.style import COLORS, IMAGE_COLOR, INK, MUTED, SEQUENTIAL, TEXT_COLOR, canvas
from clip_tutor.lab.widgets.gallery import as_image

PERCENT = PercentFormatter(1, decimals=0)


def told_table(table: Mapping[str, Mapping[str, Information]], title: str) -> Figure:
    """Draw for each word of a caption (rows) and each fact of an image (columns) what the one tells of the other."""
    rows, columns = list(table), list(next(iter(table.values())))
    shares = np.array([[table[row][column].share for column in columns] for row in rows])
    figure, (axes,) = canvas(8.4, 4.4)
    shades = axes.imshow(shares, cmap=SEQUENTIAL, vmin=0, vmax=1, aspect="auto")
    for (m, n), share in np.ndenumerate(shares):
        one = table[rows[m]][columns[n]]
        color = "white" if share > 0.55 else INK
        axes.text(n, m, f"{one.told:.2f} of {one.entropy:.2f} bits", ha="center", va="center", color=color, size=9)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), [f"its {row}" for row in rows])
    axes.set_xlabel("a fact of the image", color=IMAGE_COLOR)
    axes.set_ylabel("a word of the caption", color=TEXT_COLOR)
    axes.tick_params(length=0)
    figure.colorbar(shades, ax=axes, label="share told", format=PERCENT)
    figure.suptitle(title)
    return figure


def chance_curves(found: Mapping[str, Sequence[Information]], title: str) -> Figure:
    """Draw for each name what is measured, what of it is chance, and what is left, over the number of pairs."""
    figure, panels = canvas(4.8 * len(found), 3.6, columns=len(found))
    for axes, (name, points) in zip(panels, found.items(), strict=True):
        pairs = [point.pairs for point in points]
        axes.plot(pairs, [point.measured for point in points], "o-", color=INK, label="measured")
        axes.plot(pairs, [point.by_chance for point in points], "o--", color=MUTED, label="with shuffled captions")
        axes.plot(pairs, [point.told for point in points], "o-", color=TEXT_COLOR, label="the difference")
        axes.set(xscale="log", title=name, xlabel="pairs", ylabel="bits", ylim=(0, None))
        axes.set_xticks(pairs, [f"{one:,}" for one in pairs], rotation=40, ha="right")
        axes.minorticks_off()
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.suptitle(title)
    return figure


def distance_histogram(copies: Mapping[str, Tensor], others: Tensor, unit: str, title: str) -> Figure:
    """Draw how far copies lie from their originals, by what was done to them, and how far other images from each other.

    Args:
        copies: by name, distances of pairs that show one and the same.
        others: (N,) of each image to the nearest one that shows something else.
        unit: of the distances.
        title: of the figure.
    """
    figure, panels = canvas(8.5, 1.15 * (len(copies) + 1) + 0.8, rows=len(copies) + 1)
    farthest = max(float(others.max()), *(float(values.max()) for values in copies.values()))
    bins = np.linspace(0, farthest, 61).tolist()
    for axes, (name, values) in zip(panels, {**copies, "other images": others}.items(), strict=True):
        color = COLORS[3] if values is others else IMAGE_COLOR
        axes.hist(values.tolist(), bins=bins, color=color)
        axes.set(xlim=(0, farthest), yticks=[])
        axes.text(0.99, 0.85, f"{name} ({len(values):,})", transform=axes.transAxes, ha="right", va="top", color=color)
        axes.set_ylabel("pairs")
        if axes is not panels[-1]:
            axes.tick_params(labelbottom=False)
    panels[-1].set_xlabel(unit)
    figure.suptitle(title)
    return figure


def leak_bars(hits: Mapping[str, Tensor], title: str) -> Figure:
    """Draw which share of test images gets a true answer, for each way to split, with its 95 % interval."""
    figure, (axes,) = canvas(8.5, 0.55 * len(hits) + 1.3)
    _leaks(axes, hits)
    axes.set_title("")
    figure.suptitle(title)
    return figure


def _leaks(axes: Axes, hits: Mapping[str, Tensor]) -> None:
    names = list(hits)
    for y, right in enumerate(hits.values()):
        low, high = bootstrap_interval(right)
        share = right.float().mean().item()
        axes.barh(y, share, color=TEXT_COLOR, height=0.62)
        axes.plot([low, high], [y, y], color=INK, linewidth=1.6)
        axes.text(high + 0.012, y, f"{share:.0%}", va="center", size=10)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="test images with a true answer", xlim=(0, 1), ylim=(len(names) - 0.4, -0.6))
    axes.xaxis.set_major_formatter(PERCENT)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)


def card(
    images: Sequence[Tensor], captions: Sequence[str], changes: Sequence[str], hits: Mapping[str, Tensor]
) -> Figure:
    """Draw one image as it was posted several times, and what it does to two ways of testing."""
    figure, (top, bottom) = canvas(9.6, 5.0, rows=2)
    for n, (image, caption, change) in enumerate(zip(images, captions, changes, strict=True)):
        x = 1.6 * n
        top.imshow(as_image(image), extent=(x, x + 1, 1, 0), interpolation="lanczos")
        top.text(x + 0.5, -0.1, change or "posted", ha="center", color=MUTED, size=10)
        top.text(x + 0.5, 1.08, fill(f"“{caption}”", 22), ha="center", va="top", color=TEXT_COLOR, size=9.5)
    top.set(xlim=(-0.3, 1.6 * len(images) - 0.3), ylim=(1.6, -0.25))
    top.set_axis_off()
    _leaks(bottom, hits)
    bottom.set_title("A model that has learned nothing, and looks for the nearest image of its training set")
    figure.suptitle("One image, and four rows of the data")
    return figure


def recall_curves(curves: Mapping[str, Sequence[float]], ks: Sequence[int], title: str) -> Figure:
    """Draw recall@k over k for several models; the one called "chance" is a dashed line."""
    figure, (axes,) = canvas(8.5, 3.8)
    for (name, values), color in zip(curves.items(), (MUTED, TEXT_COLOR, *COLORS[2:]), strict=False):
        axes.plot(ks, values, "--" if name == "chance" else "-", color=color, label=name)
    axes.set(xscale="log", xlabel="k, of 1,000 images", ylabel="recall@k", ylim=(0, 1.02), title=title)
    axes.set_xticks(ks, [f"{k:,}" for k in ks])
    axes.yaxis.set_major_formatter(PERCENT)
    axes.minorticks_off()
    figure.legend(loc="outside right center")
    return figure


def share_curves(curves: Mapping[str, Mapping[int, float]], xlabel: str, ylabel: str, title: str) -> Figure:
    """Draw shares over sizes that double, a line for each name."""
    figure, (axes,) = canvas(8.5, 3.6)
    for (name, points), color in zip(curves.items(), COLORS[1:], strict=False):
        axes.plot(list(points), list(points.values()), "o-", color=color, label=name)
    sizes = sorted({size for points in curves.values() for size in points})
    axes.set(xscale="log", xlabel=xlabel, ylabel=ylabel, ylim=(0, None), title=title)
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.yaxis.set_major_formatter(PERCENT)
    axes.minorticks_off()
    figure.legend(loc="outside right center")
    return figure
