"""Figures of notebook 09: what each wording is worth, and how sure a softmax sounds of what is none of its classes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from clip_tutor.evaluation.hard_negatives import HardNegativeReport
from clip_tutor.lab.plots.style import FAINT, IMAGE_COLOR, INK, MUTED, TEXT_COLOR, canvas


def wordings(accuracies: Mapping[str, float], title: str, marked: str = "", label: str = "top-1 accuracy") -> Figure:
    """Draw a bar for each wording, the best first; ``marked`` is orange, the others pale."""
    order = sorted(accuracies, key=accuracies.__getitem__, reverse=True)
    figure, (axes,) = canvas(8.5, 0.27 * len(order) + 1.1)
    colors = [TEXT_COLOR if name == marked else MUTED for name in order]
    drawn = axes.barh(range(len(order)), [accuracies[name] for name in order], color=colors, height=0.72)
    axes.bar_label(drawn, [f"{accuracies[name]:.1%}" for name in order], padding=4, size=9)
    axes.set_yticks(range(len(order)), order)
    axes.set(xlabel=label, xlim=(0, 1.08), ylim=(len(order) - 0.4, -0.6))
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    figure.suptitle(title)
    return figure


def score_histograms(scores: Mapping[str, Any], line: float, title: str, label: str) -> Figure:
    """Draw histograms of two kinds of images over one axis, and a line between what is accepted and what is not."""
    figure, (axes,) = canvas(8.5, 3.4)
    everything = np.concatenate([np.asarray(one) for one in scores.values()])
    bins = np.linspace(everything.min(), everything.max(), 40).tolist()
    for (name, values), color in zip(scores.items(), (IMAGE_COLOR, MUTED), strict=True):
        axes.hist(np.asarray(values), bins=bins, density=True, color=color, alpha=0.6, label=name)
    axes.axvline(line, color=INK, linestyle="--", linewidth=1.4)
    axes.set(xlabel=label, ylabel="density")
    axes.legend()
    figure.suptitle(title)
    return figure


def beside_blind(report: HardNegativeReport, title: str) -> Figure:
    """Draw for each kind of wrong caption the model's accuracy, the blind one's, and the bag-of-words ceiling."""
    kinds = list(report.kinds.items())
    figure, (axes,) = canvas(9, 0.46 * len(kinds) + 1.5)
    for place, (_, one) in enumerate(kinds):
        axes.plot([one.low, one.high], [place - 0.16] * 2, color=IMAGE_COLOR, linewidth=1.6)
        axes.plot([one.blind_low, one.blind_high], [place + 0.16] * 2, color=MUTED, linewidth=1.6)
    drawn = (
        ([one.accuracy for _, one in kinds], -0.16, "o", IMAGE_COLOR, 7, "the model, which sees the image"),
        ([one.blind for _, one in kinds], 0.16, "s", MUTED, 6, "blind: a caption model without the image"),
        ([one.bag_of_words for _, one in kinds], 0, "|", TEXT_COLOR, 18, "ceiling of a bag of words"),
    )
    places = np.arange(len(kinds))
    for values, shift, marker, color, size, label in drawn:
        axes.plot(values, places + shift, marker, color=color, markersize=size, markeredgewidth=2, label=label)
    axes.axvline(0.5, color=FAINT, linewidth=4, zorder=0)
    axes.set_yticks(places, [name for name, _ in kinds])
    axes.set(xlabel="share of questions answered right", xlim=(0, 1.02), ylim=(len(kinds) - 0.4, -0.6))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.suptitle(title)
    return figure
