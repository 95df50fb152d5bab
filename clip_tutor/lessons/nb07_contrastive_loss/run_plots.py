"""Figures of notebook 07 about tables and runs: what a batch asks, what a temperature makes of it, what was learned.

    two_questions        the logits of a batch as a drawing: one row and one column of it are two questions
    probability_tables   the rows' probabilities at several temperatures side by side
    cosine_histograms    own pairs and wrong pairs, how alike they are
    scale_curves         the loss over the logit scale, with a tangent where training begins
    run_board            loss, logit scale and recall of training runs

Tables are (N, N), a row for each caption and a column for each image, as in `lab.plots.similarity_matrix`.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from clip_tutor.lab.plots.style import COLORS, FAINT, IMAGE_COLOR, INK, MUTED, SEQUENTIAL, TEXT_COLOR, canvas
from clip_tutor.lab.plots.training_plots import SCALES
from clip_tutor.lessons.nb07_contrastive_loss.plots import PULL_COLOR, loss_of
from clip_tutor.lessons.nb07_contrastive_loss.tiny import BATCH_SIZE, Run

TANGENT = 1.6  # how far to both sides a tangent goes: times the scale, and the scale over it


def two_questions(N: int = 5, asked: int = 2) -> Figure:
    """Draw the logits of N pairs as a table of cells: row and column of one pair framed, right answers in green."""
    figure, (axes,) = canvas(8.6, 4.0)
    for m in range(N):
        for n in range(N):
            right, inside = m == n, asked in (m, n)
            color = PULL_COLOR if right else FAINT
            axes.add_patch(
                Rectangle((n + 0.06, m + 0.06), 0.88, 0.88, facecolor=color, alpha=1 if inside or right else 0.55)
            )
            said = "own" if right else ("?" if inside else "")
            axes.text(n + 0.5, m + 0.5, said, ha="center", va="center", color="white" if right else MUTED)
    axes.add_patch(Rectangle((0, asked), N, 1, fill=False, edgecolor=TEXT_COLOR, linewidth=3))
    axes.add_patch(Rectangle((asked, 0), 1, N, fill=False, edgecolor=IMAGE_COLOR, linewidth=3))
    note: dict[str, Any] = {"annotation_clip": False, "va": "center", "size": 11}
    axes.annotate(f"a caption asks: which of {N} images is mine?", (N + 0.2, asked + 0.5), color=TEXT_COLOR, **note)
    axes.annotate(
        f"an image asks: which of {N} captions is mine?",
        (asked + 0.5, N + 0.35),
        color=IMAGE_COLOR,
        ha="center",
        **note,
    )
    axes.set_xticks([n + 0.5 for n in range(N)], [f"image {n + 1}" for n in range(N)])
    axes.set_yticks([n + 0.5 for n in range(N)], [f"caption {n + 1}" for n in range(N)])
    axes.set(xlim=(0, N + 5.4), ylim=(N + 0.7, 0), aspect="equal")
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.grid(False)
    axes.set_frame_on(False)
    figure.suptitle(f"A batch of {N} pairs: {N} × {N} logits, two questions for each pair")
    return figure


def probability_tables(tables: Mapping[str, Tensor], title: str) -> Figure:
    """Draw probabilities (N, N), a table for each name, in the same colors; above each the mean of its diagonal."""
    figure, panels = canvas(3.6 * len(tables) + 0.6, 4.0, columns=len(tables))
    for axes, (name, table) in zip(panels, tables.items(), strict=True):
        shades = axes.imshow(table.detach().numpy(), cmap=SEQUENTIAL, vmin=0, vmax=1)
        axes.set(xticks=[], yticks=[], title=f"{name}\nown image: {table.diagonal().mean():.0%}")
        axes.set_xlabel("images", color=IMAGE_COLOR)
        axes.grid(False)
        axes.set_frame_on(False)
    panels[0].set_ylabel("captions", color=TEXT_COLOR)
    figure.colorbar(shades, ax=panels, shrink=0.7, label="probability")
    figure.suptitle(title)
    return figure


def cosine_histograms(tables: Mapping[str, Tensor], title: str) -> Figure:
    """Draw for each table of cosines (N, N) how alike own pairs are, and how alike wrong ones."""
    figure, panels = canvas(5.2 * len(tables), 3.2, columns=len(tables))
    edges = [n / 40 for n in range(-40, 41)]
    for axes, (name, table) in zip(panels, tables.items(), strict=True):
        own = torch.eye(len(table), dtype=torch.bool)
        for values, color, label in ((table[~own], MUTED, "wrong pairs"), (table[own], PULL_COLOR, "own pairs")):
            share = [1 / len(values)] * len(values)
            axes.hist(values.tolist(), edges, weights=share, color=color, alpha=0.6, label=label)
        axes.set(title=name, xlabel="cosine of image and caption", ylabel="share of the pairs", xlim=(-1, 1.02))
        axes.legend(loc="upper left")
    figure.suptitle(title)
    return figure


def scale_curves(tables: Mapping[str, Tensor], slopes: Mapping[str, float] | None = None, at: float = 14.3) -> Figure:
    """Draw the loss of tables of cosines (N, N) over the logit scale, with a dot at ``at``, where training begins.

    ``slopes`` are derivatives with respect to the log of the scale: with them a tangent goes through each dot.
    """
    figure, (axes,) = canvas(9.5, 3.8)
    for (name, table), color in zip(tables.items(), COLORS, strict=False):
        axes.plot(SCALES, [float(loss_of(scale * table)) for scale in SCALES], color=color, label=name)
        here = float(loss_of(at * table))
        axes.plot(at, here, "o", color=color, markersize=9)
        if slopes is not None:
            ends = (-math.log(TANGENT), math.log(TANGENT))
            rise = [here + slopes[name] * end for end in ends]
            axes.plot([at * math.exp(end) for end in ends], rise, color=INK, linewidth=3, alpha=0.7)
    N = len(next(iter(tables.values())))
    axes.axhline(math.log(N), color=MUTED, linestyle="--", linewidth=1.2)
    note: dict[str, Any] = {"xytext": (4, 4), "textcoords": "offset points", "color": MUTED, "size": 9}
    axes.annotate(f"guessing: ln {N} = {math.log(N):.2f}", (1, math.log(N)), **note)
    axes.set(xscale="log", xlim=(1, 100), ylim=(0, 1.6 * math.log(N)), xlabel="logit scale", ylabel="loss (nats)")
    axes.set_xticks([1, 3, 10, 30, 100], ["1", "3", "10", "30", "100"])
    axes.minorticks_off()
    axes.set_title("Is a larger logit scale better or worse?")
    axes.legend(loc="lower left")
    return figure


def run_board(runs: Mapping[str, Run], chance: float, title: str) -> Figure:
    """Draw loss, logit scale and recall@10 on unseen pairs of training runs; ``chance`` is the recall of guessing."""
    figure, (left, middle, right) = canvas(11, 3.4, columns=3)
    for (name, run), color in zip(runs.items(), COLORS, strict=False):
        left.plot(run.losses, color=color)
        middle.plot(run.scales, color=color)
        right.plot(list(run.recalls), list(run.recalls.values()), "o-", color=color, markersize=4, label=name)
    left.axhline(math.log(BATCH_SIZE), color=MUTED, linestyle="--", linewidth=1.2, label=f"guessing: ln {BATCH_SIZE}")
    left.set(title="Loss", xlabel="steps", ylabel="loss (nats)", ylim=(0, None))
    left.legend()
    middle.set(title="Logit scale", xlabel="steps", ylabel="1 / temperature")
    right.axhline(chance, color=MUTED, linestyle="--", linewidth=1.2, label="guessing")
    right.set(title="Unseen pairs", xlabel="steps", ylabel="recall@10", ylim=(0, 1))
    right.legend()
    figure.suptitle(title)
    return figure
