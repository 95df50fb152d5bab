"""The figures of learning from noise: accuracy over damage and scale, what filters drop, loss over the gap of logits.

Like those of `lab.plots.common`, plain functions from data to a matplotlib ``Figure``.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from torch import Tensor

from clip_tutor.lab.plots.style import COLORS, FAINT, IMAGE_COLOR, INK, MUTED, SEQUENTIAL, TEXT_COLOR, THOUSANDS, canvas

Curves = Mapping[str, Mapping[float, Sequence[float]]]  # by name: for each x, what each seed reached
_PERCENT = PercentFormatter(1, decimals=0)
_DOTS = 400  # pairs of a cloud, drawn


def damage_strips(strips: Mapping[str, Tensor], names: Sequence[str], title: str) -> Figure:
    """Draw, for each share, a strip of cells, one a pair, in the color of its damage; pale where there is none."""
    figure, (axes,) = canvas(9.5, 0.9 + 0.55 * len(strips))
    cells = torch.stack(list(strips.values())).numpy()
    axes.imshow(
        cells, aspect="auto", cmap=ListedColormap([FAINT, *COLORS[: len(names) - 1]]), vmin=0, vmax=len(names) - 1
    )
    axes.set(yticks=range(len(strips)), yticklabels=list(strips), xlabel="pairs, by their number", title=title)
    axes.set_yticks(np.arange(0.5, len(strips) - 1), minor=True)
    axes.grid(False)
    axes.grid(axis="y", which="minor", color="white", linewidth=3)
    axes.tick_params(which="minor", length=0)
    for color, name in zip([FAINT, *COLORS], names, strict=False):
        axes.plot([], [], "s", color=color, label=name)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def simulated_floors(
    gaps: Tensor,
    paid: Mapping[float, Tensor],
    floors: Mapping[float, tuple[float, float]],
    elsewhere: tuple[str, Tensor],
    title: str,
) -> Figure:
    """Draw what was paid at each gap, a curve for each share, and on it the floor that a formula says.

    ``elsewhere``, dashed, is what was paid for captions that describe nothing in the batch, and its name.
    """
    figure, (axes,) = canvas(8.2, 4.0)
    for color, (share, loss) in zip(COLORS, paid.items(), strict=False):
        axes.plot(gaps, loss, color=color, label=f"{share:.1%} exchanged")
        least, gap = floors[share]
        axes.plot(gap, least, "o", color=color, markersize=9, markeredgecolor="white")
        axes.annotate(f"{least:.2f} at {gap:.1f}", (gap, least), (0, 9), textcoords="offset points", ha="center")
    axes.plot(gaps, elsewhere[1], "--", color=MUTED, label=elsewhere[0])
    axes.set(xlabel="gap of logits (the scale, for perfect vectors)", ylabel="loss (nats)", title=title, ylim=(0, None))
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def over_noise(curves: Curves, title: str, live: tuple[float, float, str] | None = None) -> Figure:
    """Draw accuracy over the share of damaged captions: a line through means, a dot for each seed.

    ``live`` is a point by itself, (share, accuracy, name).
    """
    figure, (axes,) = canvas(8.2, 4.2)
    for color, (name, points) in zip(COLORS, curves.items(), strict=False):
        shares = sorted(points)
        axes.plot(shares, [np.mean(points[share]) for share in shares], color=color, label=name)
        for share in shares:
            axes.plot([share] * len(points[share]), points[share], "o", color=color, markersize=4, alpha=0.7)
    if live:
        share, accuracy, name = live
        axes.plot(share, accuracy, "D", color=INK, markersize=9, label=name)
    axes.set(xlabel="share of damaged captions", ylabel="accuracy on clean, unseen scenes", title=title, ylim=(0, 1))
    axes.xaxis.set_major_formatter(_PERCENT)
    axes.yaxis.set_major_formatter(_PERCENT)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def equal_accuracy(accuracy: Mapping[tuple[float, float], float], useless: float, title: str) -> Figure:
    """Draw a map of accuracy over pairs (scale) and the share of damaged captions, with lines of equal accuracy.

    Dashed: where as many captions are still true as without damage at each scale. ``useless`` is the share of damaged
    captions that no longer say anything of their image.
    """
    scales = sorted({scale for scale, _ in accuracy})
    shares = sorted({share for _, share in accuracy})
    table = np.array([[accuracy[scale, share] for scale in scales] for share in shares])
    x = np.log2(scales)
    figure, (axes,) = canvas(7.6, 4.6)
    shown = axes.contourf(x, shares, table, levels=np.linspace(0, 1, 21), cmap=SEQUENTIAL)
    lines = axes.contour(x, shares, table, levels=np.arange(0.1, 1, 0.1), colors=INK, linewidths=1)
    axes.clabel(lines, fmt=lambda level: f"{level:.0%}", fontsize=8)
    along = np.linspace(0, max(shares), 50)
    for scale in x[:-1]:
        needed = scale - np.log2(1 - useless * along)  # pairs, so that as many captions are true
        axes.plot(needed, along, "--", color=TEXT_COLOR, linewidth=1.6)
    axes.set(
        xlim=(x[0], x[-1]),
        ylim=(min(shares), max(shares)),
        xticks=x,
        xticklabels=[f"{scale:g}×" for scale in scales],
        xlabel="pairs",
        ylabel="share of damaged captions",
        title=title,
    )
    axes.yaxis.set_major_formatter(_PERCENT)
    axes.grid(False)
    figure.colorbar(shown, ax=axes, label="accuracy", format=_PERCENT, ticks=np.linspace(0, 1, 6))
    return figure


def over_true_pairs(clean: Mapping[float, Sequence[float]], noisy: Curves, title: str) -> Figure:
    """Draw accuracy over the pairs whose captions are still true: the line of clean pairs, and runs with damaged ones.

    ``clean`` and each of ``noisy`` have, for each number of true pairs, what each seed reached.
    """
    figure, (axes,) = canvas(8.2, 4.2)
    counts = sorted(clean)
    axes.plot(counts, [np.mean(clean[count]) for count in counts], color=INK, label="no damaged caption at all")
    for color, (name, points) in zip(COLORS, noisy.items(), strict=False):
        there = sorted(points)
        means = [np.mean(points[count]) for count in there]
        spread = np.array(
            [[mean - min(points[n]), max(points[n]) - mean] for n, mean in zip(there, means, strict=True)]
        )
        axes.errorbar(there, means, yerr=spread.T, fmt="o--", linewidth=1.2, color=color, capsize=3, label=name)
    axes.set(xscale="log", xlabel="pairs with a true caption", ylabel="accuracy on clean, unseen scenes", title=title)
    axes.set(ylim=(0, 1), xticks=counts)
    axes.xaxis.set_major_formatter(THOUSANDS)
    axes.xaxis.set_minor_formatter("")
    axes.yaxis.set_major_formatter(_PERCENT)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def seed_bars(groups: Mapping[str, Sequence[float]], baseline: str, title: str, x_name: str = "accuracy") -> Figure:
    """Draw a bar for each group, the mean of its seeds, and a dot for each seed; dashed, the mean of ``baseline``."""
    figure, (axes,) = canvas(8.2, 0.9 + 0.42 * len(groups))
    for row, (name, seeds) in enumerate(groups.items()):
        color = MUTED if name == baseline else IMAGE_COLOR
        axes.barh(row, np.mean(seeds), height=0.62, color=color, alpha=0.55)
        axes.plot(seeds, [row] * len(seeds), "o", color=INK, markersize=4)
    axes.axvline(float(np.mean(groups[baseline])), color=MUTED, linestyle="--", linewidth=1.4)
    axes.set(yticks=range(len(groups)), yticklabels=list(groups), xlabel=x_name, title=title)
    axes.set_ylim(len(groups) - 0.5, -0.5)
    axes.xaxis.set_major_formatter(_PERCENT)
    axes.grid(axis="y", visible=False)
    return figure


def what_filters_drop(dropped: Mapping[str, Mapping[str, float]], title: str) -> Figure:
    """Draw a table: for each kind of caption (rows) and each filter (columns), the share that is dropped."""
    columns, rows = list(dropped), list(next(iter(dropped.values())))
    table = np.array([[dropped[column][row] for column in columns] for row in rows])
    figure, (axes,) = canvas(1.9 + 1.15 * len(columns), 1.2 + 0.42 * len(rows))
    axes.imshow(table, cmap=SEQUENTIAL, vmin=0, vmax=1, aspect="auto")
    for row, column in np.ndindex(table.shape):
        light = table[row, column] > 0.55
        axes.text(column, row, f"{table[row, column]:.0%}", ha="center", va="center", color="white" if light else INK)
    axes.set(xticks=range(len(columns)), yticks=range(len(rows)), yticklabels=rows, title=title)
    axes.set_xticklabels([column.replace(" ", "\n", 1) for column in columns])
    axes.set_ylabel("caption")
    axes.grid(False)
    return figure


def loss_over_gap(B: int, shares: Sequence[float], smoothings: Sequence[float], title: str) -> Figure:
    """Draw what a perfect model pays at each gap of logits: left for exchanged captions, right with smoothed labels.

    A dot marks the least loss; without noise, and without smoothing, there is none.
    """
    gaps = torch.linspace(0, 14, 400, dtype=torch.float64)
    figure, panels = canvas(10, 4.0, columns=2)
    above = torch.log1p((B - 1) * (-gaps).exp())
    believed = ("captions exchanged", shares), ("label smoothing", smoothings)
    for axes, (name, values) in zip(panels, believed, strict=True):
        for color, value in zip(COLORS, values, strict=False):
            doubt = value if name == "captions exchanged" else value * (B - 1) / B  # what the others get in all
            paid = above + doubt * gaps
            axes.plot(gaps, paid, color=color, label=f"{value:.0%}")
            if doubt:
                lowest = int(paid.argmin())
                axes.plot(gaps[lowest], paid[lowest], "o", color=color, markersize=7)
        axes.set(xlabel="gap of logits", ylabel="loss (nats)", title=name, ylim=(0, 6))
        axes.legend(title="share")
    figure.suptitle(title)
    return figure


def scores_by_kind(scores: Tensor, kinds: Tensor, names: Sequence[str], least: float, title: str) -> Figure:
    """Draw a row of dots for each kind of caption: how well a trained model finds that image and caption fit."""
    figure, (axes,) = canvas(8.2, 3.6)
    random = np.random.default_rng(0)
    for row in range(len(names)):
        found = scores[kinds == row][:_DOTS].numpy()
        kept = found >= least
        height = row + random.uniform(-0.3, 0.3, len(found))
        axes.plot(found[kept], height[kept], ".", color=IMAGE_COLOR, markersize=4, alpha=0.6)
        axes.plot(found[~kept], height[~kept], ".", color=TEXT_COLOR, markersize=4, alpha=0.6)
    axes.axvline(least, color=INK, linestyle="--", linewidth=1.4)
    axes.set(yticks=range(len(names)), yticklabels=names, xlabel="cosine of image and caption", title=title)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    return figure


def sieve(kept: Tensor, kinds: Tensor, names: Sequence[str], useless: Tensor, title: str) -> Figure:
    """Draw how many pairs of each kind a filter keeps and drops, and its precision and recall on useless captions."""
    figure, (axes,) = canvas(8.2, 3.8)
    for row in range(len(names)):
        here = kinds == row
        stay, go = int((here & kept).sum()), int((here & ~kept).sum())
        axes.barh(row, stay, height=0.6, color=IMAGE_COLOR)
        axes.barh(row, -go, height=0.6, color=TEXT_COLOR)
    axes.axvline(0, color=INK, linewidth=1)
    dropped = ~kept
    precision = (dropped & useless).sum() / max(1, int(dropped.sum()))
    recall = (dropped & useless).sum() / max(1, int(useless.sum()))
    axes.set(yticks=range(len(names)), yticklabels=names, xlabel="pairs: dropped to the left, kept to the right")
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.xaxis.set_major_formatter(lambda value, _: f"{abs(value):,.0f}")
    axes.grid(axis="y", visible=False)
    axes.set_title(
        f"{title}: {int(kept.sum()):,} of {len(kept):,} pairs kept\n"
        f"useless are {precision:.0%} of what is dropped; dropped are {recall:.0%} of what is useless"
    )
    return figure


def losses_over_counts(
    losses: Tensor, counts: Tensor, damaged: Tensor, kept: Mapping[str, Tensor], title: str
) -> Figure:
    """Draw the loss of each pair over how common its thing is; beside it, whom each way of dropping drops.

    Dashed: the loss above which the first way drops. Of rare things all pairs are drawn, of common ones some.
    """
    figure, (axes, right) = canvas(10.5, 4.2, columns=2)
    random = np.random.default_rng(0)
    jitter = counts.numpy() * random.uniform(0.85, 1.15, len(counts))
    rare = counts < counts.double().median() / 3
    for name, which, color in (("others", ~damaged, IMAGE_COLOR), ("useless caption", damaged, TEXT_COLOR)):
        common = (which & ~rare).nonzero()[: 2 * _DOTS, 0]
        rows = torch.cat([common, (which & rare).nonzero()[:, 0]]).numpy()
        axes.plot(jitter[rows], losses.numpy()[rows], ".", color=color, markersize=3, alpha=0.6, label=name)
    axes.set(
        xscale="log", xlabel="pairs of the same thing", ylabel="loss of the pair (nats)", title="Damaged, or rare?"
    )
    first, stays = next(iter(kept.items()))
    axes.axhline(losses[~stays].min().item(), color=INK, linestyle="--", linewidth=1.4, label=f"cut of {first}")
    axes.xaxis.set_major_formatter(THOUSANDS)
    axes.xaxis.set_minor_formatter("")
    axes.legend(markerscale=3)
    whom = {
        "clean, common": ~damaged & ~rare,
        "clean, rare": ~damaged & rare,
        "damaged, common": damaged & ~rare,
        "damaged, rare": damaged & rare,
    }
    height = 0.8 / len(kept)
    for place, (color, (name, stays)) in enumerate(zip(COLORS[2:], kept.items(), strict=False)):
        shares = [(~stays[which]).float().mean().item() if which.any() else 0.0 for which in whom.values()]
        right.barh(
            np.arange(len(whom)) + (place - (len(kept) - 1) / 2) * height, shares, height, color=color, label=name
        )
    right.set(yticks=range(len(whom)), yticklabels=list(whom), xlabel="share dropped", title="Who is dropped?")
    right.set_ylim(len(whom) - 0.4, -0.6)
    right.xaxis.set_major_formatter(_PERCENT)
    right.grid(axis="y", visible=False)
    right.legend()
    figure.suptitle(title)
    return figure
