"""The figures of scaling up: gradients against the true ones, who compares what, laws through runs, sizes.

Like those of `lab.plots.common`, plain functions from data to a matplotlib ``Figure``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray
from torch import Tensor

from clip_tutor.lab.plots.style import COLORS, FAINT, IMAGE_COLOR, INK, MUTED, TEXT_COLOR, canvas

DOTS = 1500  # of a gradient, drawn
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def gradients_against_truth(truth: Tensor, gradients: Mapping[str, Tensor], title: str) -> Figure:
    """Draw each of several gradients (n,) against the true one (n,): on the dashed line, each number is right."""
    figure, panels = canvas(2.75 * len(gradients), 4.0, columns=len(gradients))
    chosen = torch.randperm(len(truth), generator=torch.Generator().manual_seed(0))[:DOTS]
    edge = float(truth[chosen].abs().quantile(0.995))
    for axes, (name, gradient) in zip(panels, gradients.items(), strict=True):
        cosine, length = cosine_and_length(gradient, truth)
        axes.plot([-edge, edge], [-edge, edge], "--", color=MUTED, linewidth=1.2)
        axes.plot(truth[chosen], gradient[chosen], ".", color=IMAGE_COLOR, markersize=2.5, alpha=0.5)
        axes.set(xlim=(-edge, edge), ylim=(-edge, edge), xticks=[0], yticks=[0], title=name, aspect="equal")
        axes.set_xlabel(f"true gradient\ncosine {cosine:.3f}, length × {length:.2f}")
    panels[0].set_ylabel("this one's")
    figure.suptitle(title)
    return figure


def cosine_and_length(gradient: Tensor, truth: Tensor) -> tuple[float, float]:
    """Return the cosine of a gradient with the true one, and how many times as long it is."""
    one, other = gradient.double(), truth.double()
    return float(one @ other / one.norm() / other.norm()), float(one.norm() / other.norm())


def division_of_labor(N: int, processes: int, micro_batch: int, way: str) -> Figure:
    """Draw which process compares which image with which caption, and what each of them holds in memory.

    ``way``: "own pairs" (no exchange), "gather" (own rows, everyone's captions) or "accumulation" (each micro-batch of
    each process by itself).
    """
    block = N // processes
    owner = np.full((N, N), -1)
    for rank in range(processes):
        mine = slice(rank * block, (rank + 1) * block)
        if way == "gather":
            owner[mine] = rank
        elif way == "own pairs":
            owner[mine, mine] = rank
        else:
            for start in range(rank * block, (rank + 1) * block, micro_batch):
                part = slice(start, min(start + micro_batch, (rank + 1) * block))
                owner[part, part] = rank
    figure, (axes, right) = canvas(9.5, 4.2, columns=2)
    colors = ListedColormap([FAINT, *COLORS, MUTED][: processes + 1])
    axes.imshow(owner, cmap=colors, vmin=-1, vmax=colors.N - 2)
    axes.set(xlabel="captions", ylabel="images", xticks=[], yticks=[], title="Who compares what?")
    axes.grid(False)
    graphs = min(micro_batch, block)
    held = {"pairs with a graph behind them": graphs, "similarities": int((owner == 0).sum())}
    right.barh(range(2), [graphs / N, held["similarities"] / N**2], color=[IMAGE_COLOR, TEXT_COLOR], height=0.4)
    for row, (name, number) in enumerate(held.items()):
        right.text(0, row - 0.25, f"{name}: {number:,}", va="bottom", size=10)
    right.set(
        yticks=[],
        xlim=(0, 1),
        ylim=(1.6, -0.7),
        xlabel=f"share of all {N} pairs, of all {N**2:,} similarities",
        title="What process 0 holds",
    )
    right.grid(axis="y", visible=False)
    compared = (owner >= 0).sum() / N - 1
    figure.suptitle(
        f"{N} pairs, {processes} processes, micro-batches of {graphs}\n"
        f"an image meets {compared:.0f} of {N - 1} wrong captions"
    )
    return figure


def laws(
    runs: Mapping[str, Sequence[tuple[float, float]]],
    lines: Mapping[str, tuple[float, float]],
    title: str,
    x_name: str,
    y_name: str,
    forecast: tuple[float, float, float] | None = None,
    measured: tuple[float, float] | None = None,
) -> Figure:
    """Draw points (x, y) of several runs on logarithmic axes, and power laws (a, b), y = a · x^-b, through them.

    ``lines`` are named like the runs that they belong to, or otherwise. ``forecast`` is a place x with the low and the
    high end of what is expected there; ``measured`` a point to compare it with.
    """
    figure, (axes,) = canvas(8.5, 4.2)
    for color, (name, points) in zip(COLORS, runs.items(), strict=False):
        x, y = np.array(points).T
        axes.plot(x, y, "o", color=color, markersize=5, label=name)
        if name in lines:
            a, b = lines[name]
            ends = np.array([x.min() / 1.2, x.max() * 1.2])
            axes.plot(ends, a * ends**-b, color=color, linewidth=1.2, label=f"falls with x to the power of −{b:.2f}")
    if forecast:
        x_there, low, high = forecast
        axes.plot([x_there, x_there], [low, high], color=MUTED, linewidth=6, alpha=0.5, label="forecast")
    if measured:
        axes.plot(*measured, "D", color=COLORS[3], markersize=9, label="what it was")
    axes.set(xscale="log", yscale="log", xlabel=x_name, ylabel=y_name, title=title)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=_marks(_span(axis))))
        axis.set_major_formatter(FuncFormatter(lambda value, _: _plain(value)))
        axis.set_minor_formatter(NullFormatter())
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def _span(axis: Any) -> float:
    """Return how many times the lower end of an axis its upper end is."""
    low, high = axis.get_view_interval()
    return float(high / low)


def _marks(span: float) -> tuple[float, ...]:
    return (1, 1.5, 2, 3, 4, 5, 6, 7, 8) if span < 5 else (1, 2, 5) if span < 50 else (1,)


def _plain(value: float) -> str:
    """Return 0.5, 20,000 or 10¹¹: the course's figures show no mathematical markup."""
    if value < 1e6:
        return f"{value:g}" if value < 10 else f"{value:,.0f}"
    power = str(int(np.floor(np.log10(value) + 1e-9)))
    return f"{value / 10 ** int(power):.0f} · 10".removeprefix("1 · ") + power.translate(_RAISED)


def recall_bars(found: Mapping[str, Any], title: str, what: str = "recall@1") -> Figure:
    """Draw recall with its 95 % interval for several models: ``found`` holds (share, low, high) by name."""
    figure, (axes,) = canvas(8, 0.6 * len(found) + 1.2)
    for row, (share, low, high) in enumerate(found.values()):
        axes.plot([low, high], [row, row], color=IMAGE_COLOR, linewidth=5, alpha=0.4)
        axes.plot(share, row, "o", color=IMAGE_COLOR)
        axes.text(high, row - 0.12, f"  {share:.3f}", va="bottom", size=9.5)
    axes.set_yticks(range(len(found)), list(found))
    axes.set(xlabel=f"{what}, and its 95 % interval", ylim=(len(found) - 0.5, -0.6), title=title)
    axes.margins(x=0.12)
    axes.grid(axis="y", visible=False)
    return figure


def apparent_sizes(sizes: Mapping[str, NDArray[np.float64]], at_test: float, title: str) -> Figure:
    """Draw how large objects look in the crops of training, for several ways to crop, and at test: 1 is uncropped."""
    figure, (axes,) = canvas(8, 3.2)
    bins = np.linspace(1, 3.6, 27).tolist()
    for color, (name, found) in zip(COLORS, sizes.items(), strict=False):
        axes.hist(
            found, bins=bins, color=color, alpha=0.6, density=True, label=f"{name}: {found.mean():.2f} on average"
        )
    axes.axvline(at_test, color=INK, linestyle="--", label=f"at test: {at_test:.2f}")
    axes.set(xlabel="how many times as large as in the whole image", ylabel="density", title=title)
    axes.legend()
    return figure
