"""Figures of notebook 00: shares of right answers beside guessing, and the scores of two searches."""

from collections.abc import Mapping

from matplotlib.figure import Figure
from torch import Tensor

from clip_tutor.evaluation.retrieval import bootstrap_interval
from clip_tutor.lab.plots.style import COLORS, IMAGE_COLOR, MUTED, TEXT_COLOR, canvas


def shares(
    answers: Mapping[str, Mapping[str, Tensor]], guessing: float, title: str, label: str = "share of right answers"
) -> Figure:
    """Draw how often something is right, with its 95 % interval: a row for each name, a color for each side.

    ``answers`` holds for each side, such as "images", the (N,) answers under each name: true or false.
    """
    names = list(next(iter(answers.values())))
    figure, (axes,) = canvas(8, 0.46 * len(names) + 1.6)
    spread = 0.13 * (len(answers) - 1)
    for place, (side, color) in enumerate(zip(answers, (IMAGE_COLOR, TEXT_COLOR), strict=False)):
        rows = [n - spread + 2 * spread * place / max(1, len(answers) - 1) for n in range(len(names))]
        for row, right in zip(rows, answers[side].values(), strict=True):
            axes.plot(bootstrap_interval(right), [row, row], color=color, linewidth=4, alpha=0.45, clip_on=False)
        found = [right.float().mean().item() for right in answers[side].values()]
        axes.plot(found, rows, "o", color=color, markersize=7, clip_on=False, label=side)
    axes.axvline(guessing, color=MUTED, linestyle="--", linewidth=1.4, label="guessing")
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", length=0)
    axes.set(xlabel=label, xlim=(0, 1), ylim=(len(names) - 0.5, -0.5))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.suptitle(title)
    return figure


def searches(scores: Mapping[str, Tensor]) -> Figure:
    """Draw a histogram of the scores (N,) of all images for each of some queries, with a line at the best score."""
    figure, (axes,) = canvas(8, 3.4)
    low, high = min(one.min().item() for one in scores.values()), max(one.max().item() for one in scores.values())
    bins = [low + (high - low) * n / 60 for n in range(61)]
    for (words, values), color in zip(scores.items(), COLORS[2:], strict=False):
        best = values.max().item()
        axes.hist(values.numpy(), bins=bins, color=color, alpha=0.6, label=f"“{words}”, best score {best:.2f}")
        axes.axvline(best, color=color, linestyle="--", linewidth=1.5)
    axes.set(xlabel="score: cosine similarity with the query", ylabel="images")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    figure.suptitle("The scores of all images, for each of the queries")
    return figure
