"""The figures that only notebook 11 draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from torch import Tensor

from clip_tutor.lab.plots.style import COLORS, FAINT, IMAGE_COLOR, INK, MUTED, TEXT_COLOR, canvas

GREEN = COLORS[2]
Pair = tuple[Tensor, Tensor]  # vectors of images and of their captions


def _different(table: Tensor) -> Tensor:
    """Return what does not lie on the diagonal of (N, N)."""
    return table[~torch.eye(len(table), dtype=torch.bool)]


def cones(models: Mapping[str, Pair], title: str = "Cosines of two vectors, drawn from N pairs") -> Figure:
    """Draw histograms of cosines for each model: within images, within captions, across, and of true pairs."""
    figure, axes = canvas(9, 2.5 * len(models) + 0.8, rows=len(models))
    edges = np.linspace(-1, 1, 81)
    for one, (name, (images, texts)) in zip(axes, models.items(), strict=True):
        across = texts @ images.T
        drawn = (
            ("two images", _different(images @ images.T), IMAGE_COLOR),
            ("two captions", _different(texts @ texts.T), TEXT_COLOR),
            ("an image and another's caption", _different(across), MUTED),
            ("an image and its own caption", across.diagonal(), GREEN),
        )
        for label, values, color in drawn:
            shares = values.clamp(-1, 1).histc(len(edges) - 1, -1, 1) / len(values)
            one.stairs(shares.numpy(), edges, color=color, linewidth=1.8, label=label)
            one.axvline(float(values.mean()), color=color, linewidth=1, linestyle=":")
        one.set(title=name, xlim=(-1, 1), xlabel="cosine similarity (dotted: the mean)", ylabel="share")
        one.set_yscale("symlog", linthresh=0.02)
        one.set_yticks([0, 0.01, 0.1, 1], ["0", "1 %", "10 %", "100 %"])
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.suptitle(title)
    return figure


def toy_gap(images: Tensor, texts: Tensor, title: str = "Two cones, their means, and the gap") -> Figure:
    """Draw a few vectors of two dimensions on the unit circle, both means, the gap, and where captions move to."""
    moved = F.normalize(texts + images.mean(dim=0) - texts.mean(dim=0), dim=-1)
    figure, (axes,) = canvas(5.2, 4.6)
    axes.add_patch(Circle((0, 0), 1, fill=False, edgecolor=FAINT, linewidth=1.5))
    for vectors, color, label in ((images, IMAGE_COLOR, "images"), (texts, TEXT_COLOR, "captions")):
        for n, (x, y) in enumerate(vectors.tolist()):
            axes.annotate("", (x, y), (0, 0), arrowprops={"arrowstyle": "-|>", "color": color, "lw": 1.3, "alpha": 0.6})
            axes.plot(x, y, "o", color=color, label=label if n == 0 else None)
        mean = vectors.mean(dim=0).tolist()
        axes.plot(mean[0], mean[1], "s", color=color, markersize=8, markeredgecolor=INK)
    (x0, y0), (x1, y1) = texts.mean(dim=0).tolist(), images.mean(dim=0).tolist()
    axes.annotate("", (x1, y1), (x0, y0), arrowprops={"arrowstyle": "-|>", "color": INK, "lw": 2})
    axes.text((x0 + x1) / 2 - 0.03, (y0 + y1) / 2, "gap", ha="right", weight="bold", size=11)
    axes.plot(
        moved[:, 0], moved[:, 1], "o", color=TEXT_COLOR, markerfacecolor="white", markersize=8, label="captions, moved"
    )
    axes.set(xlim=(-0.15, 1.15), ylim=(-0.15, 1.15), aspect="equal", xlabel="first number", ylabel="second number")
    axes.legend(loc="upper right")
    figure.suptitle(title)
    return figure


def along_the_gap(
    amounts: Sequence[float], gaps: Sequence[float], curves: Mapping[str, Sequence[float]], losses: Sequence[float]
) -> Figure:
    """Draw what becomes of gap, recall@1 (a curve for each direction) and loss as captions move along the gap."""
    figure, (gap, recall, loss) = canvas(10.5, 3.4, columns=3)
    gap.plot(amounts, gaps, color=INK)
    gap.set(title="Gap", ylabel="distance of the means", ylim=(0, None))
    for (name, values), color in zip(curves.items(), (TEXT_COLOR, IMAGE_COLOR), strict=True):
        recall.plot(amounts, values, color=color, label=name)
    recall.set(title="Recall@1", ylabel="share found first", ylim=(0, 1.03))
    recall.legend(loc="lower center")
    loss.plot(amounts, losses, color=INK)
    loss.set(title="Loss", ylabel="nats", ylim=(0, None))
    for axes in (gap, recall, loss):
        axes.set_xlabel("captions moved by … gaps")
        axes.axvline(0, color=MUTED, linewidth=1, linestyle=":")
        axes.axvline(1, color=MUTED, linewidth=1, linestyle=":")
    figure.suptitle("Captions move along the gap: dotted lines where training left them, and where the means meet")
    return figure


def training_curves(steps: Sequence[int], panels: Mapping[str, Mapping[str, Sequence[float]]], title: str) -> Figure:
    """Draw some figures over the steps of a training: for each panel its curves by name, with steps as evenly spaced.

    "images" and "captions" keep their colors; other curves take the next ones.
    """
    figure, axes = canvas(3.1 * len(panels), 3.5, columns=len(panels))
    places = range(len(steps))
    kept = {"images": IMAGE_COLOR, "captions": TEXT_COLOR}
    for one, (name, curves) in zip(axes, panels.items(), strict=True):
        others = iter((INK, GREEN, COLORS[3]))
        for label, values in curves.items():
            one.plot(places, values, "o-", markersize=3.5, color=kept.get(label) or next(others), label=label)
        one.set(title=name, xlabel="step")
        one.set_xticks([*places][::2], [str(steps[place]) for place in places][::2], rotation=60)
        if len(curves) > 1:
            one.legend(fontsize=8)
    figure.suptitle(title)
    return figure


def occurrences(counts: Mapping[str, Tensor], k: int, title: str) -> Figure:
    """Draw, for each name, how many candidates were chosen how often; the dotted line is the mean."""
    figure, axes = canvas(5 * len(counts), 3.6, columns=len(counts))
    most = max(int(values.max()) for values in counts.values())
    for one, (name, values) in zip(axes, counts.items(), strict=True):
        one.hist(values.numpy(), bins=np.arange(0, most + 3, max(1, most // 45)).tolist(), color=INK, log=True)
        one.axvline(float(values.double().mean()), color=TEXT_COLOR, linestyle=":", linewidth=1.6)
        one.set(title=name, xlabel=f"times among the {k} nearest", ylabel="candidates (log)", ylim=(0.7, None))
        one.yaxis.set_major_formatter("{x:,.0f}")
    figure.suptitle(title)
    return figure


def over_directions(
    ks: Sequence[int], curves: Mapping[str, Mapping[str, Sequence[float]]], title: str, variances: Tensor
) -> Figure:
    """Draw, over the number of directions kept, a panel of curves for each name, and first how wide directions are."""
    figure, axes = canvas(3.6 * (len(curves) + 1), 3.5, columns=len(curves) + 1)
    axes[0].plot(range(1, len(variances) + 1), (variances / variances.sum()).clamp(min=1e-9).numpy(), color=INK)
    axes[0].set(title="Variance", xlabel="direction, the widest first", ylabel="share of all (log)", yscale="log")
    axes[0].yaxis.set_major_formatter("{x:g}")
    for one, (name, lines) in zip(axes[1:], curves.items(), strict=True):
        for (label, values), color in zip(lines.items(), (INK, TEXT_COLOR, GREEN), strict=False):
            one.plot(ks, values, "o-", markersize=4, color=color, label=label)
        one.set(title=name, xlabel="directions kept")
        one.legend(fontsize=8)
    figure.suptitle(title)
    return figure


def place_pairs(axes: Axes, places: np.ndarray, order: np.ndarray | None = None) -> None:
    """Draw (2N, 2) places, images first, with a line from each image to its caption, or to one in another order."""
    images, texts = places[: len(places) // 2], places[len(places) // 2 :]
    ends = texts if order is None else texts[order]
    lines = np.stack([images, ends, np.full_like(ends, np.nan)], axis=1).reshape(-1, 2)
    axes.plot(lines[:, 0], lines[:, 1], color=MUTED, linewidth=0.4, alpha=0.5, zorder=1)
    axes.scatter(images[:, 0], images[:, 1], s=6, color=IMAGE_COLOR, linewidths=0, zorder=2, label="images")
    axes.scatter(texts[:, 0], texts[:, 1], s=6, color=TEXT_COLOR, linewidths=0, zorder=2, label="captions")
    axes.set(xticks=[], yticks=[])
