"""What zero-shot classification found: confusion, calibration, and what each further template adds."""

from collections.abc import Callable, Mapping, Sequence
from textwrap import shorten
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from clip_tutor.evaluation.calibration import Calibration
from clip_tutor.evaluation.classification import Classification
from clip_tutor.lab.plots.style import COLORS, IMAGE_COLOR, INK, MUTED, SEQUENTIAL, TEXT_COLOR, canvas
from clip_tutor.lab.widgets.gallery import as_image

NUMBERED = 16  # classes up to which the counts stand in the cells


def confusion_grid(names: Sequence[str], confusion: Any, title: str = "What is called what?") -> Figure:
    """Draw a confusion matrix (M, M): a row for each true class, a column for each answer, shares as shades.

    Up to 16 classes the counts stand in the cells; of more than 40, names are left out.
    """
    counts = np.asarray(confusion)
    M = len(names)
    if counts.shape != (M, M):
        raise ValueError(f"{M} names need a confusion matrix of {M} × {M}, not {counts.shape}")
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    short = [shorten(name, 22, placeholder="…") or name[:22] for name in names] if M <= 40 else []
    margin = 0.085 * max(map(len, short), default=0)
    side = float(np.clip(0.42 * M, 2.6, 6.0))
    figure, (axes,) = canvas(side + margin + 1.6, side + margin + 0.9)
    shades = axes.imshow(shares, cmap=SEQUENTIAL, vmin=0, vmax=1)
    axes.grid(False)
    if M <= NUMBERED:
        for (m, n), count in np.ndenumerate(counts):
            if count:
                color = "white" if shares[m, n] > 0.55 else INK
                axes.text(n, m, f"{count}", ha="center", va="center", color=color, size=8.5)
    places = range(len(short))
    axes.set_xticks(places, short, rotation=90)
    axes.set_yticks(places, short)
    axes.set_xlabel("answer: which prompt fits best", color=TEXT_COLOR)
    axes.set_ylabel("true class of the image", color=IMAGE_COLOR)
    axes.tick_params(length=0)
    figure.suptitle(title)
    figure.colorbar(shades, ax=axes, shrink=0.6, label="share of the row")
    return figure


def reliability_diagram(found: Mapping[str, Calibration], title: str = "How sure, and how often right?") -> Figure:
    """Draw accuracy against confidence for each calibration; on the dashed line both are the same.

    The area of a dot is the share of the images in its bin.
    """
    figure, panels = canvas(3.9 * len(found), 4.0, columns=len(found))
    for axes, (name, one) in zip(panels, found.items(), strict=True):
        images = np.asarray(one.images)
        some = images > 0
        confidence, accuracy = np.asarray(one.confidence)[some], np.asarray(one.accuracy)[some]
        axes.plot([0, 1], [0, 1], color=MUTED, linestyle="--", linewidth=1.2)
        axes.plot(confidence, accuracy, color=INK, linewidth=1.2)
        sizes = 20 + 500 * images[some] / images.sum()
        axes.scatter(confidence, accuracy, s=sizes, color=INK, alpha=0.6, linewidths=0, zorder=3)
        axes.set(title=f"{name}: ECE {one.ece:.3f}", xlabel="confidence", xlim=(0, 1.03), ylim=(0, 1.03))
        axes.set_ylabel("share that is right")
    figure.suptitle(title)
    return figure


def accuracy_by_templates(
    curves: Mapping[str, Sequence[float]], levels: Mapping[str, float] | None = None, title: str = "One more template"
) -> Figure:
    """Draw accuracy against the number of templates in an ensemble, which grows by one at each step.

    Args:
        curves: by the order in which templates are added: accuracy with 1, 2, 3 … of them.
        levels: accuracies to compare with, as dashed lines.
    """
    figure, (axes,) = canvas(8.5, 4.0)
    for (name, values), color in zip(curves.items(), (INK, *COLORS[2:]), strict=False):
        axes.plot(range(1, len(values) + 1), values, "o-", color=color, markersize=4, label=name)
    for (name, value), style in zip((levels or {}).items(), ("--", ":", "-.") * 3, strict=False):
        axes.axhline(value, color=MUTED, linestyle=style, linewidth=1.4, label=f"{name}: {value:.3f}")
    axes.set(xlabel="templates in the ensemble", ylabel="top-1 accuracy", title=title)
    axes.locator_params(axis="x", integer=True)
    axes.legend(loc="best")
    return figure


def confused_pairs(
    found: Classification, open_image: Callable[[int], Any], pairs: int = 4, images: int = 6, title: str = ""
) -> Figure:
    """Draw the most confused pairs of classes, a row each, with images that were taken for the other class.

    Args:
        open_image: gives the image of a row of the data set.
    """
    shown = found.confused[:pairs]
    figure, (axes,) = canvas(1.25 * images + 2.8, max(1.25 * len(shown), 1.0) + 0.6, image=True)
    for row, pair in enumerate(shown):
        text = f"{pair.truth}\n→ {pair.answer}\n{pair.images} images, {pair.share:.0%}"
        axes.text(-0.15, row + 0.5, text, ha="right", va="center", size=9)
        for place, image in enumerate(pair.rows[:images]):
            left, top = place + 0.04, row + 0.04
            axes.imshow(as_image(open_image(image)), extent=(left, left + 0.92, top + 0.92, top))
    axes.set(xlim=(-2.1, images), ylim=(max(len(shown), 1), 0))
    if not shown:
        axes.text(images / 2, 0.5, "nothing was confused", ha="center", va="center")
    figure.suptitle(title or "Most confused: the true class → the answer")
    return figure
