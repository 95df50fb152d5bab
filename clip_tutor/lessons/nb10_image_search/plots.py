"""Figures of notebook 10: recall over probes, why captions need more of them, and what random words reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from clip_tutor.lab.plots.style import COLORS, FAINT, IMAGE_COLOR, INK, MUTED, TEXT_COLOR, THOUSANDS, canvas


def growth(sizes: Sequence[int], milliseconds: Sequence[float], E: int) -> Figure:
    """Draw how long one exact search takes among more and more vectors."""
    figure, (axes,) = canvas(7.5, 3.2)
    axes.loglog(sizes, milliseconds, "o-", color=INK)
    for size, time in zip(sizes, milliseconds, strict=True):
        axes.annotate(f"{time:,.2g} ms", (size, time), xytext=(0, 9), textcoords="offset points", ha="center", size=9)
    axes.xaxis.set_major_formatter(THOUSANDS)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set(xlabel="vectors that are searched", ylabel="milliseconds", ylim=(min(milliseconds) / 2, None))
    axes.margins(x=0.1, y=0.25)
    figure.suptitle(f"One query against every vector of {E} numbers")
    return figure


def recall_by_probes(probes: Sequence[int], curves: Mapping[str, Sequence[float]], lists: int, title: str) -> Figure:
    """Draw recall over the number of probes; a curve whose name begins with "words" is orange, "images" blue."""
    figure, (axes,) = canvas(7.5, 3.8)
    recall_curves(axes, probes, curves, lists)
    figure.suptitle(title)
    return figure


def recall_curves(axes: Axes, probes: Sequence[int], curves: Mapping[str, Sequence[float]], lists: int) -> None:
    """Draw the same into the axes of another figure."""
    others = iter(COLORS[2:])
    for name, values in curves.items():
        color = {"words": TEXT_COLOR, "images": IMAGE_COLOR}.get(name.split()[0]) or next(others)
        axes.plot(probes, values, "o-", color=color, label=name, markersize=5)
    axes.set_xscale("log", base=2)
    axes.set_xticks(list(probes), [str(one) for one in probes])
    axes.minorticks_off()
    axes.set(xlabel=f"probes: lists that are read, of {lists}", ylabel="recall@10 against exact search", ylim=(0, 1.04))
    axes.legend(loc="lower right")


class Cloud(NamedTuple):
    """Points in a plane (N, 2), the centers of their lists (M, 2), and the list of each (N,)."""

    points: NDArray[np.float64]
    centers: NDArray[np.float64]
    lists: NDArray[np.int64]


def _cloud(M: int = 16) -> Cloud:
    points = np.random.default_rng(27).standard_normal((420, 2)) * (1.5, 0.8)
    centers = points[:M].copy()
    for _ in range(20):
        lists = ((points[:, None] - centers) ** 2).sum(axis=2).argmin(axis=1)
        centers = np.stack([points[lists == m].mean(axis=0) for m in range(M)])
    return Cloud(points, centers, lists)


def ball_and_slice() -> Figure:
    """Draw the ten best of a query among its like, and of one that lies far outside; colors are lists."""
    cloud = _cloud()
    figure, (left, right) = canvas(10, 4.2, columns=2)
    among = cloud.centers[((cloud.centers - (0.9, 0.2)) ** 2).sum(axis=1).argmin()]
    near = ((cloud.points - among) ** 2).sum(axis=1).argsort()[:10]
    _best_of(left, cloud, near, among, IMAGE_COLOR, "a query among its like: an image")
    slice_of_a_cloud(right)
    figure.suptitle("Points in a plane, in sixteen lists; ten best points in circles")
    return figure


def slice_of_a_cloud(axes: Axes) -> None:
    """Draw the ten best of a query that lies far above the points: those with the largest dot products."""
    cloud, direction = _cloud(), np.array([0.4, 6.0])
    best = (cloud.points @ direction).argsort()[::-1][:10]
    star = np.array([0.4, 3.4])
    _best_of(axes, cloud, best, star, TEXT_COLOR, "a query from outside: words")
    axes.annotate("far away ↑", (star[0], star[1]), xytext=(12, -3), textcoords="offset points", color=TEXT_COLOR)


def _best_of(axes: Axes, cloud: Cloud, best: NDArray[np.int64], star: Any, color: str, title: str) -> None:
    axes.scatter(cloud.points[:, 0], cloud.points[:, 1], c=[pale(m) for m in cloud.lists.tolist()], s=16, linewidths=0)
    axes.scatter(
        cloud.points[best, 0], cloud.points[best, 1], facecolors="none", edgecolors=color, s=62, linewidths=1.7
    )
    axes.scatter(star[0], star[1], marker="*", s=190, color=color, zorder=3)
    count = len(set(cloud.lists[best].tolist()))
    axes.set_title(f"{title}\nits ten best lie in {count} list{'s' if count > 1 else ''}")
    axes.set(xlim=(-4.2, 4.2), ylim=(-2.7, 3.9), xticks=[], yticks=[])
    axes.set_aspect("equal")


def pale(m: int) -> tuple[float, float, float]:
    """Return the pale color of list m."""
    hue = 2 * np.pi * m * 0.381966
    red, green, blue = (0.74 + 0.17 * np.cos(hue + shift) for shift in (0, 2.1, 4.2))
    return float(red), float(green), float(blue)


def score_histograms(
    scores: Mapping[str, Any], lines: Mapping[str, float], title: str, label: str = "best cosine similarity of a query"
) -> Figure:
    """Draw histograms of several kinds of queries over one axis, and named lines across them."""
    figure, (axes,) = canvas(8.5, 3.8)
    arrays = {name: np.asarray(values) for name, values in scores.items()}
    every = np.concatenate(list(arrays.values()))
    bins = np.linspace(min(every.min(), *lines.values()) - 0.01, every.max() + 0.01, 60).tolist()
    for (name, values), color in zip(arrays.items(), (MUTED, *COLORS[1:]), strict=False):
        axes.hist(values, bins=bins, density=True, color=color, alpha=0.55, label=name)
    top = 1.12 * axes.get_ylim()[1]
    axes.set_ylim(0, top)
    for (name, place), style in zip(lines.items(), ("--", "-"), strict=False):
        axes.axvline(place, color=INK, linestyle=style, linewidth=1.4)
        axes.annotate(name, (place, top), xytext=(5, -11), textcoords="offset points", size=9)
    axes.set(xlabel=label, ylabel="density")
    axes.legend(loc="upper center")
    figure.suptitle(title)
    return figure


def shares(values: Mapping[str, float], title: str, label: str, marked: str = "") -> Figure:
    """Draw a bar for each share, in the order given; ``marked`` is orange."""
    figure, (axes,) = canvas(8.5, 0.42 * len(values) + 1.1)
    colors = [TEXT_COLOR if name == marked else MUTED for name in values]
    drawn = axes.barh(range(len(values)), list(values.values()), color=colors, height=0.66)
    axes.bar_label(drawn, [f"{value:.0%}" for value in values.values()], padding=4, size=9)
    axes.set_yticks(range(len(values)), list(values))
    axes.set(xlabel=label, xlim=(0, 1.08), ylim=(len(values) - 0.4, -0.6))
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.axvline(0, color=FAINT)
    figure.suptitle(title)
    return figure
