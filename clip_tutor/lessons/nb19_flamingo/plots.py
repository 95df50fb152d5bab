"""Figures of notebook 19: who sees which image, what counts, how gates open, and what shots are worth."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from clip_tutor.evaluation.retrieval import bootstrap_interval
from clip_tutor.lab.plots.style import COLORS, FAINT, IMAGE_COLOR, INK, MUTED, TEXT_COLOR, canvas

LABELS = {"true": TEXT_COLOR, "permuted": MUTED, "flipped": COLORS[3]}  # of the shots, and their colors
GATES = ("attention", "MLP")
MARK = "<image>"


def mask_grid(tokens: Sequence[str], masks: Mapping[str, Tensor], title: str) -> Figure:
    """Draw masks (T, images) side by side: a row for each token, a column for each image, blue where it may look."""
    T = len(tokens)
    images = next(iter(masks.values())).shape[1]
    figure, panels = canvas(2.2 + (0.5 * max(images, 2) + 1.6) * len(masks), 0.27 * T + 1.5, columns=len(masks))
    for n, (axes, (name, mask)) in enumerate(zip(panels, masks.items(), strict=True)):
        _grid(axes, mask)
        axes.set_yticks(range(T), tokens if n == 0 else [""] * T)
        for label, token in zip(axes.get_yticklabels(), tokens, strict=True):
            label.set_color(IMAGE_COLOR if token == MARK else INK)
        axes.set(title=name, xlabel="image", ylabel="token" if n == 0 else "")
    figure.suptitle(title)
    return figure


def _grid(axes: Axes, mask: Tensor) -> None:
    T, images = mask.shape
    for t, row in enumerate(mask.tolist()):
        for image, seen in enumerate(row):
            axes.barh(t, 0.9, 0.86, left=image - 0.45, color=IMAGE_COLOR if seen else FAINT)
        if not any(row):
            axes.text(max(images, 1) - 0.4, t, "sees none", va="center", size=8, color=TEXT_COLOR)
    axes.set_xticks(range(images), [str(number + 1) for number in range(images)])
    axes.set(xlim=(-0.6, max(images, 1) + 0.7), ylim=(T - 0.4, -0.6))
    axes.tick_params(length=0)
    axes.grid(False)


def counted(tokens: Sequence[str], counts: Sequence[bool], title: str) -> Figure:
    """Draw tokens in a row: orange those that the loss counts, blue the marks, gray the others."""
    figure, (axes,) = canvas(11, 1.5)
    x = 0.0
    for token, counts_here in zip(tokens, counts, strict=True):
        color = TEXT_COLOR if counts_here else IMAGE_COLOR if token == MARK else FAINT
        wide = 0.35 + 0.15 * len(token)
        ink = INK if color == FAINT else "white"
        axes.barh(0, wide - 0.1, 0.8, left=x, color=color)
        axes.text(x + wide / 2 - 0.05, 0, token, ha="center", va="center", size=9, color=ink)
        x += wide
    axes.set(xlim=(0, x), ylim=(-0.7, 0.7), title=title)
    axes.set_axis_off()
    return figure


def gate_curve(gates: Sequence[float], changes: Sequence[float], title: str) -> Figure:
    """Draw how much a block changes its input, over the number behind its gates."""
    figure, (axes,) = canvas(7, 3.2)
    axes.plot(gates, changes, color=IMAGE_COLOR)
    axes.plot([0], [changes[list(gates).index(0.0)]], "o", color=TEXT_COLOR, markersize=9, label="a new block")
    axes.set(xlabel="α = β", ylabel="change / length of x", ylim=(-0.02 * max(changes), None), title=title)
    axes.legend()
    return figure


def training_figure(history: Sequence[Mapping[str, Any]], without: Mapping[str, float] | None = None) -> Figure:
    """Draw the loss of a training and how far the gates are open.

    Args:
        history: "step", "loss", and "gates", a pair for each gated block, attention's and the MLP's.
        without: losses to compare with, by name, as dashed lines.
    """
    figure, (loss, opened) = canvas(10, 3.4, columns=2)
    steps = [one["step"] for one in history]
    loss.plot(steps, [one["loss"] for one in history], color=INK)
    for (name, value), color in zip((without or {}).items(), (TEXT_COLOR, COLORS[3]), strict=False):
        loss.axhline(value, color=color, linestyle="--", linewidth=1.3, label=name)
    loss.set(title="Loss", xlabel="step", ylabel="nats a token", ylim=(0, None))
    if without:
        loss.legend()
    _gates(opened, steps, [one["gates"] for one in history])
    opened.set(title="The gates", ylim=(-1.03, 1.03))
    opened.legend(ncols=2)
    return figure


def _gates(axes: Axes, steps: Sequence[float], gates: Sequence[Sequence[Sequence[float]]]) -> None:
    for block in range(len(gates[0])):
        for which, style in enumerate(("-", ":")):
            values = [one[block][which] for one in gates]
            label = f"{GATES[which]}, block {block + 1}"
            axes.plot(steps, values, style, color=COLORS[block % len(COLORS)], label=label)
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.set(xlabel="step", ylabel="tanh of the gate")


def first_steps(norms: Mapping[str, Sequence[float]], title: str) -> Figure:
    """Draw the lengths of gradients at the first steps, on a logarithmic scale; a gradient of exactly 0 is a cross."""
    figure, (axes,) = canvas(8, 3.6)
    floor = min(value for row in norms.values() for value in row if value > 0) / 10
    for number, ((name, row), color) in enumerate(zip(norms.items(), COLORS, strict=False)):
        steps = range(1, len(row) + 1)
        axes.plot(steps, [value or math.nan for value in row], "o-", color=color, label=name, markersize=4)
        zeros = [step + 0.12 * number for step, value in zip(steps, row, strict=True) if value == 0]
        axes.plot(zeros, [floor] * len(zeros), "x", color=color, markersize=9, markeredgewidth=2.5)
    axes.text(1.9, floor, "exactly 0", size=9, va="center", color=INK)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set(xlabel="step", ylabel="length of the gradient", title=title)
    figure.legend(loc="outside right center")
    return figure


def share_of(hits: int, episodes: int) -> tuple[float, float, float]:
    """Return the share of hits, and both ends of its 95 % interval."""
    low, high = bootstrap_interval(torch.arange(episodes) < hits)
    return hits / episodes, low, high


def shot_curves(shots: Mapping[str, Mapping[str, Mapping[str, Sequence[int]]]], asked: Sequence[str]) -> Figure:
    """Draw for each attribute the accuracy over the number of shots, with true, permuted and flipped labels.

    Args:
        shots: by attribute, by kind of label, by number of shots: hits and episodes.
        asked: the attributes that training asked about; the others are marked as new.
    """
    columns = min(3, len(shots))
    rows = -(-len(shots) // columns)
    figure, panels = canvas(3.3 * columns + 1.4, 2.7 * rows + 0.5, rows, columns)
    for axes in panels[len(shots) :]:
        axes.set_axis_off()
    for n, (axes, (attribute, kinds)) in enumerate(zip(panels, shots.items(), strict=False)):
        for kind, counts in kinds.items():
            told = [share_of(*pair) for pair in counts.values()]
            places = [int(number) for number in counts]
            right = [one[0] for one in told]
            errors = [[one[0] - one[1] for one in told], [one[2] - one[0] for one in told]]
            look: dict[str, Any] = {"color": LABELS[kind], "label": kind if n == 0 else None, "capsize": 2}
            axes.errorbar(places, right, errors, fmt="o-", markersize=4, **look)
            axes.set_xticks(places)
        axes.axhline(0.5, color=MUTED, linestyle="--", linewidth=1)
        new = "" if attribute in asked else " (never asked in training)"
        axes.set_title(f"{attribute}{new}", fontsize=10)
        axes.set(ylim=(0, 1.03), xlabel="shots", ylabel="share right" if n % columns == 0 else "")
    figure.legend(loc="outside right center", title="labels of the shots")
    figure.suptitle("What the shots are worth (dashed: guessing)")
    return figure


def learned_curves(run: Mapping[str, Any], asked: Sequence[str]) -> Figure:
    """Draw on the way of a training its two losses, and the accuracy in each attribute.

    Args:
        run: "steps", "loss" of the letters (0 as long as no episode was shown), "caption_loss", and "accuracy".
        asked: the attributes that training asked about.
    """
    figure, (loss, right) = canvas(10.5, 3.5, columns=2)
    for name, label, color in (("loss", "letters", INK), ("caption_loss", "captions", TEXT_COLOR)):
        shown = [(step, value) for step, value in zip(run["steps"], run[name], strict=True) if value]
        loss.plot(*zip(*shown, strict=True), color=color, label=label)
    loss.set(title="Loss", xlabel="step", ylabel="nats a token", ylim=(0, None))
    loss.legend()
    for number, (attribute, values) in enumerate(run["accuracy"].items()):
        style = "-" if attribute in asked else "--"
        right.plot(run["steps"], values, style, color=COLORS[number % len(COLORS)], label=attribute)
    right.axhline(0.5, color=MUTED, linewidth=1)
    right.set(title="Asked with shots (dashed: never asked in training)", xlabel="step", ylabel="share right")
    right.set(ylim=(0.3, 1.03))
    figure.legend(*right.get_legend_handles_labels(), loc="outside right center")
    return figure
