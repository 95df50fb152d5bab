"""Figures of notebook 06: which token sees which, and what a sentence means word by word.

attention_square   rows look, columns are looked at; what a mask hides is crossed out
growing_prefix     a caption's nearness to some images, after each of its words
readings           recall for each place where a sentence might be read, with intervals
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from torch import Tensor

from clip_tutor.lab.plots.style import COLORS, INK, MUTED, SEQUENTIAL, TEXT_COLOR, canvas
from clip_tutor.lab.widgets.gallery import as_image


def attention_square(
    panels: Mapping[str, tuple[Tensor, Tensor]],
    symbols: Sequence[Any],
    title: str = "Which token looks at which?",
    labels: tuple[str, str] = ("is looked at (key)", "looks (query)"),
) -> Figure:
    """Draw squares of attention weights (T, T) side by side; fields where ``seen`` (T, T) is False are crossed out.

    ``panels`` maps a heading to (weights, seen); ``symbols`` name the tokens, ``labels`` the columns and the rows.
    """
    T = len(symbols)
    side = max(2.6, 0.3 * T)
    figure, axes = canvas((side + 1.2) * len(panels), side + 1.5, columns=len(panels))
    for one, (heading, (weights, seen)) in zip(axes, panels.items(), strict=True):
        one.imshow(weights.detach().numpy(), cmap=SEQUENTIAL, vmin=0, vmax=max(0.5, float(weights.max())))
        for row, column in (~seen).nonzero().tolist():
            one.plot(column, row, "x", color=MUTED, markersize=4, alpha=0.6)
        one.set_xticks(range(T), symbols, rotation=90)
        one.set_yticks(range(T), symbols)
        one.tick_params(length=0, labelsize=8)
        one.grid(False)
        one.set(title=heading, xlabel=labels[0], ylabel=labels[1])
    figure.suptitle(title)
    return figure


def growing_prefix(
    nearness: Tensor, symbols: Sequence[str], images: Sequence[Any], title: str = "What it means so far"
) -> Figure:
    """Draw nearness (T, M) of the caption so far to M images: one line an image, one step a word."""
    figure, (axes,) = canvas(10, 4.6)
    T, M = nearness.shape
    for m in range(M):
        axes.plot(range(T), nearness[:, m].tolist(), "o-", color=COLORS[m % len(COLORS)], clip_on=False)
    last = _spread(nearness[-1].tolist(), 0.17 * float(nearness.max() - nearness.min()))
    for m, (image, height) in enumerate(zip(images, last, strict=True)):
        place = (T - 0.72, height - 0.45 * _step(last), 0.9, 0.9 * _step(last))
        inset = axes.inset_axes(place, transform=axes.transData)
        inset.imshow(as_image(image))
        inset.set(xticks=[], yticks=[])
        for spine in inset.spines.values():
            spine.set(visible=True, color=COLORS[m % len(COLORS)], linewidth=2.5)
    axes.set_xlim(-0.2, T + 0.4)
    axes.set_xticks(range(T), symbols, color=TEXT_COLOR)
    axes.set(title=title, xlabel="the caption up to this token", ylabel="cosine similarity with the image")
    return figure


def _step(heights: Sequence[float]) -> float:
    """Return the smallest distance between neighbors."""
    ordered = sorted(heights)
    return min((high - low for low, high in itertools.pairwise(ordered)), default=1.0)


def _spread(heights: Sequence[float], least: float) -> list[float]:
    """Return the heights moved as little as keeps them ``least`` apart, lowest first."""
    order = sorted(range(len(heights)), key=heights.__getitem__)
    moved = list(heights)
    for below, above in itertools.pairwise(order):
        moved[above] = max(moved[above], moved[below] + least)
    shift = sum(moved[n] - heights[n] for n in order) / len(order)
    return [height - shift for height in moved]


def readings(recalls: Mapping[str, tuple[float, float, float]], title: str) -> Figure:
    """Draw a bar for each way of reading: its recall, and the interval (low, high) as a line."""
    figure, (axes,) = canvas(8.4, 0.5 * len(recalls) + 1.5)
    for place, (recall, low, high) in enumerate(recalls.values()):
        axes.barh(place, recall, color=TEXT_COLOR, height=0.62)
        axes.plot([low, high], [place, place], color=INK, linewidth=1.5)
        axes.text(high + 0.015, place, f"{recall:.3f}", va="center", size=9)
    axes.set_yticks(range(len(recalls)), list(recalls))
    axes.invert_yaxis()
    axes.set_xlim(0, 1.08)
    axes.grid(axis="y", visible=False)
    axes.set(title=title, xlabel="recall@1: captions that find their image (line: 95 % interval)")
    return figure
