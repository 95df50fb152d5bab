"""Figures of notebook 16: chance and bigrams, a long tail before and after balancing, accuracy over t."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from clip_tutor.data.drawing import BACKGROUNDS
from clip_tutor.lab.plots.style import COLORS, FAINT, INK, MUTED, TEXT_COLOR, THOUSANDS, canvas
from clip_tutor.lessons.nb16_web_image_text.corpus import HEAD, MIDDLE, TAIL
from clip_tutor.lessons.nb16_web_image_text.long_tail import PAIRS, Run

PARTS = {"head": HEAD, "middle": MIDDLE, "tail": TAIL}
PART_COLORS = dict(zip(PARTS, (COLORS[0], COLORS[2], TEXT_COLOR), strict=True))


def bigram_map(
    counts: NDArray[np.int64],
    scores: NDArray[np.float64],
    planted: NDArray[np.bool_],
    total: int,
    least_pmi: float,
    least_count: int,
) -> Figure:
    """Draw each bigram of a text by how often it occurs and its PMI, and what two thresholds let through.

    Args:
        counts, scores, planted: (K,) of each bigram; planted ones are two words that belong together.
        total: words in the text.
    """
    figure, (axes,) = canvas(8.5, 4.6)
    spread = np.exp(np.random.default_rng(0).uniform(-0.25, 0.25, len(counts)))  # or all with one count would be a line
    chosen = (scores >= least_pmi) & (counts >= least_count)
    for right, color, name in ((False, MUTED, "side by side by chance"), (True, TEXT_COLOR, "planted")):
        for kept, alpha in ((False, 0.12), (True, 0.8)):
            some = (planted == right) & (chosen == kept)
            axes.scatter(
                counts[some] * spread[some], scores[some], 9, color, alpha=alpha, linewidths=0, rasterized=True,
                label=name if kept else None,
            )  # fmt: skip
    line = np.array([0.75, counts.max() * 1.4])
    axes.plot(line, np.log2(total / line), color=INK, linewidth=1.2, label="the most that so many times can have")
    axes.plot([least_count * 0.77] * 2, [least_pmi, math.log2(total) + 0.5], "--", color=INK, linewidth=1)
    axes.plot([least_count * 0.77, line[1]], [least_pmi] * 2, "--", color=INK, linewidth=1)
    axes.set(xscale="log", xlim=(0.7, line[1]), ylim=(-6, math.log2(total) + 1))
    axes.set(xlabel="how often it occurs", ylabel="PMI (bits)")
    axes.xaxis.set_major_formatter(THOUSANDS)
    hits, taken, there = int((chosen & planted).sum()), int(chosen.sum()), int(planted.sum())
    axes.set_title(f"{taken:,} bigrams get through, {hits:,} of them planted; {there:,} were planted")
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def matches_before_and_after(
    counts: NDArray[np.int64], kept: NDArray[np.float64], t: int, names: Sequence[str], title: str = ""
) -> Figure:
    """Draw how many pairs each query has, from the most frequent one on, and how many stay.

    Args:
        counts, kept: (Q,) before and after; queries without a pair are left out.
        names: the Q queries, of which some are written beside their dots.
    """
    order = np.argsort(-counts, kind="stable")[: int((counts > 0).sum())]
    place = np.arange(1, len(order) + 1)
    figure, (axes,) = canvas(9, 4.4)
    axes.axhline(t, color=INK, linestyle="--", linewidth=1)
    axes.annotate(f"t = {t:,}", (place[-1], t), (0, 3), textcoords="offset points", ha="right", color=INK)
    axes.plot(place, counts[order], "o", color=MUTED, markersize=4, label="pairs before")
    axes.plot(place, np.maximum(kept[order], 0.5), "o", color=TEXT_COLOR, markersize=4, label="pairs that stay")
    axes.vlines(place, np.maximum(kept[order], 0.5), counts[order], color=FAINT, linewidth=1, zorder=0)
    for n in (0, 1, 4, 9, 19, 39):
        if n < len(order):
            axes.annotate(
                names[order[n]], (place[n], counts[order[n]]), (3, 5), textcoords="offset points", size=9, color=INK
            )
    axes.set(xscale="log", yscale="log", xlabel="queries, the most frequent first", ylabel="pairs")
    axes.xaxis.set_major_formatter(THOUSANDS)
    axes.yaxis.set_major_formatter(THOUSANDS)
    axes.set_title(title or "The long tail, before and after")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def balance_board(
    counts: NDArray[np.int64], keep: NDArray[np.float64], kept: NDArray[np.float64], ranks: NDArray[np.int64], t: int
) -> Figure:
    """Draw what a threshold does: queries before and after on the left, things of the images on the right.

    Args:
        counts, kept: (Q,) pairs of each query, before and after.
        keep: (B,) how likely each pair stays.
        ranks: (B,) what its image shows, 0 for the most frequent thing.
    """
    figure, (left, right) = canvas(10.5, 4.2, columns=2)
    there = counts > 0
    low, high = 0.7, counts.max() * 1.5
    left.plot([low, high], [low, high], color=FAINT, linewidth=1.5, zorder=0)
    left.axhline(t, color=INK, linestyle="--", linewidth=1)
    left.plot(counts[there], np.maximum(kept[there], low), "o", color=TEXT_COLOR, markersize=4, alpha=0.6)
    left.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high))
    left.set(xlabel="pairs of a query before", ylabel="pairs that stay, on average", title=f"Queries, t = {t:,}")
    M = int(ranks.max()) + 1
    before, after = np.bincount(ranks, minlength=M), np.bincount(ranks, weights=keep, minlength=M)
    things = np.arange(1, M + 1)
    right.vlines(things, 0.7, before, color=FAINT, linewidth=5, label="before")
    for name, part in PARTS.items():
        right.vlines(things[part], 0.7, np.maximum(after[part], 0.7), PART_COLORS[name], linewidth=5, label=name)
    right.set(yscale="log", ylim=(0.7, before.max() * 1.5), xlabel="things, the most frequent first", ylabel="pairs")
    shares = ", ".join(f"{name} {after[part].sum() / max(after.sum(), 1e-9):.0%}" for name, part in PARTS.items())
    right.set_title(f"{after.sum():,.0f} of {len(ranks):,} pairs stay:\n{shares}")
    for axes in (left.xaxis, left.yaxis, right.yaxis):
        axes.set_major_formatter(THOUSANDS)
    figure.legend(loc="outside lower center", ncols=4)
    return figure


def accuracy_curves(runs: Sequence[Run], live: Sequence[Run] = ()) -> Figure:
    """Draw accuracy on head, middle and tail over t, for balanced pairs and for as many at random.

    Thin lines are seeds, broad ones their means; both ways begin on the right, where all pairs are used. ``live`` runs
    are black stars.
    """
    thresholds = sorted({run.t for run in runs if run.t})
    places = {t: n for n, t in enumerate([*thresholds, 0])}
    figure, panels = canvas(10.5, 4.2, columns=3)
    for axes, (part, name) in zip(panels, enumerate(PARTS), strict=True):
        for way, color, style, label in (
            ("random", MUTED, "--", "as many pairs at random"),
            ("balanced", TEXT_COLOR, "-", "balanced with t"),
        ):
            some = [run for run in runs if run.way in (way, "all")]
            for seed in sorted({run.seed for run in some}):
                _line(axes, [run for run in some if run.seed == seed], part, places, color=color, alpha=0.35, lw=1)
            _line(axes, some, part, places, linestyle=style, color=color, lw=2.5, marker="o", label=label)
        for run in live:
            label = "yours" if run is live[0] else "_"
            axes.plot(places[run.t], run.groups[part], "*", color=INK, markersize=13, label=label)
        axes.set(ylim=(0, 1), title=name, xlabel="t")
        axes.set_xticks(list(places.values()), [f"{t}" if t else "all pairs" for t in places])
    panels[0].set_ylabel("unseen images named right")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.suptitle(f"The same number of steps: all {PAIRS:,} pairs, balanced ones, as many at random")
    return figure


def _line(axes: Axes, runs: Sequence[Run], part: int, places: Mapping[int, int], **look: Any) -> None:
    """Draw the mean accuracy of some runs at each t that they have."""
    there = [t for t in places if any(run.t == t for run in runs)]
    means = [float(np.mean([run.groups[part] for run in runs if run.t == t])) for t in there]
    axes.plot([places[t] for t in there], means, **look)


def background_bars(shares: Mapping[str, NDArray[np.float64]], title: str) -> Figure:
    """Draw how many pairs stay of each background (12,), in its own color, one panel for each way."""
    figure, panels = canvas(3.4 * len(shares), 3.3, columns=len(shares))
    fills = [tuple(part / 255 for part in color) for color in BACKGROUNDS.values()]
    top = max(values.max() for values in shares.values())
    for axes, (name, values) in zip(panels, shares.items(), strict=True):
        axes.bar(range(len(fills)), values, color=fills, edgecolor=MUTED, linewidth=0.6)
        axes.set(title=f"{name}: {values.sum():,.0f} pairs", xlabel="background", ylim=(0, top * 1.05))
        axes.set_xticks(range(len(fills)), list(BACKGROUNDS), rotation=70, size=8)
    panels[0].set_ylabel("pairs")
    figure.suptitle(title)
    return figure


def group_sheet(pixels: Any, names: Sequence[str]) -> Figure:
    """Draw images (G, n, 3, H, W), a row for each group."""
    G, n = pixels.shape[:2]
    figure, panels = canvas(0.9 * n + 2.2, 0.92 * G, rows=G, columns=n, image=True)
    for axes, image in zip(panels, pixels.flatten(0, 1), strict=True):
        axes.imshow(image.permute(1, 2, 0).numpy())
    for row, name in enumerate(names):
        panels[row * n].text(-0.15, 0.5, name, ha="right", va="center", transform=panels[row * n].transAxes, size=9)
    return figure
