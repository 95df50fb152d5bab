"""The figures of whole towers: their shape, what they cost, and what a change to them did.

    (name, C, H) of each part ─▶ `funnel`      parameters, multiply-adds ─▶ `cost_by_family`
    right or wrong, many times ─▶ `rungs`

Like those of `lab.plots.common`, plain functions from data to a matplotlib ``Figure``.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from clip_tutor.evaluation.retrieval import bootstrap_interval
from clip_tutor.lab.plots.style import COLORS, FAINT, IMAGE_COLOR, INK, MUTED, canvas

Cost = tuple[str, float, float]  # name, parameters, multiply-adds
_PLACES = ((8, -10, "left"), (0, -16, "center"), (-7, 5, "right"), (8, -10, "left"))  # of names, beside a dot


def funnel(parts: Sequence[tuple[str, int, int]], title: str = "From pixels to channels") -> Figure:
    """Draw what each part hands on as a block: its height stands for the side in pixels, its width for the channels.

    Both are drawn as their roots, so that the small ones can be seen. ``parts`` holds name, channels C and side H = W
    of each, in order; H = 1 for a vector.
    """
    figure, (axes,) = canvas(10, 3.5)
    tallest, widest = max(H for _, _, H in parts), max(C for _, C, _ in parts)
    x = 0.0
    for place, (name, C, H) in enumerate(parts):
        width, height = math.sqrt(C / widest), max(0.035, math.sqrt(H / tallest))
        middle = x + max(width, 0.8) / 2
        corner = (middle - width / 2, -height / 2)
        color = IMAGE_COLOR if place else MUTED
        axes.add_patch(Rectangle(corner, width, height, facecolor=color, alpha=0.75, edgecolor="white"))
        shape = f"{C} × {H} × {H}\n{C * H * H:,} numbers" if H > 1 else f"{C:,} numbers"
        axes.text(middle, -0.58, name, ha="center", va="top", size=9.5, weight="bold")
        axes.text(middle, -0.7, shape, ha="center", va="top", size=8.5)
        x += max(width, 0.8) + 0.3
    axes.set(xlim=(-0.1, x - 0.2), ylim=(-0.95, 0.52), xticks=[], yticks=[])
    axes.grid(False)
    axes.set_frame_on(False)
    figure.suptitle(title)
    return figure


def rungs(results: Mapping[str, Mapping[str, Sequence[Any]]], title: str) -> Figure:
    """Draw how often each variant was right: a panel for each question, a dot with a 95 % interval for each run.

    ``results`` holds for each question, for each variant, one sequence of truth values for every run. The mean of the
    runs stands beside them.
    """
    figure, panels = canvas(10, 0.6 * len(next(iter(results.values()))) + 1.5, columns=len(results))
    for axes, (question, variants) in zip(panels, results.items(), strict=True):
        for row, runs in enumerate(variants.values()):
            values = [torch.as_tensor(run).float() for run in runs]
            for n, run in enumerate(values):
                low, high = bootstrap_interval(run)
                y = row + 0.22 * (n - (len(values) - 1) / 2)
                axes.plot([low, high], [y, y], color=IMAGE_COLOR, linewidth=4, alpha=0.4, clip_on=False)
                axes.plot(run.mean(), y, "o", color=IMAGE_COLOR, markersize=5.5, clip_on=False)
            mean = float(torch.stack([run.mean() for run in values]).mean())
            axes.text(1.02, row, f"{mean:.2f}", va="center", size=10, transform=axes.get_yaxis_transform())
        axes.set_yticks(range(len(variants)), list(variants) if axes is panels[0] else [""] * len(variants))
        axes.set(ylim=(len(variants) - 0.5, -0.5), xlabel="share of the images", title=question)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y", visible=False)
    figure.suptitle(title)
    return figure


def cost_by_family(
    families: Mapping[str, Sequence[Cost]], yours: Cost | None = None, title: str = "What a tower costs"
) -> Figure:
    """Draw parameters against the multiply-adds of one image; the members of a family are tied by a line.

    Each family has its names on another side of its dots, so that they seldom meet.
    """
    figure, (axes,) = canvas(10, 5.4)
    everything = [member for members in families.values() for member in members]
    for color, place, (family, members) in zip(COLORS, cycle(_PLACES), families.items(), strict=False):
        names, parameters, work = zip(*members, strict=True)
        axes.plot(work, parameters, "o-", color=color, linewidth=1, markersize=6, label=family)
        for name, x, y in zip(names, work, parameters, strict=True):
            right, up, side = place
            note: dict[str, Any] = {"xytext": (right, up), "textcoords": "offset points", "ha": side}
            axes.annotate(name, (x, y), size=8.5, color=color, **note)
    if yours:
        name, y, x = yours
        axes.plot(x, y, "*", color=INK, markersize=17, markeredgecolor="white", zorder=5, clip_on=False)
        axes.annotate(name, (x, y), xytext=(-10, 8), textcoords="offset points", ha="right", size=9.5, weight="bold")
    most = max(work for _, _, work in everything)
    axes.set(xscale="log", yscale="log", xlabel="multiply-adds for one image", ylabel="parameters", title=title)
    axes.set_xlim(0.55 * min(work for _, _, work in everything), 2.4 * most)
    axes.xaxis.set_major_formatter(_short)
    axes.yaxis.set_major_formatter(_short)
    axes.grid(which="minor", color=FAINT, linewidth=0.4)
    axes.legend(loc="upper left")
    return figure


def _short(value: float, _: float = 0) -> str:
    """Return 25,600,000 as "25.6 million"."""
    for size, name in ((1e9, "billion"), (1e6, "million")):
        if value >= size:
            return f"{value / size:.3g} {name}"
    return f"{value:,.0f}"
