"""The figures of a featurizer: few shots against none, the search for λ, and which of two classifiers is better.

Like those of `lab.plots.common`, plain functions from results to a matplotlib ``Figure``.
"""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from clip_tutor.evaluation.featurizer import FewShotCurve, PairedDifference, Sweep
from clip_tutor.lab.plots.style import COLORS, IMAGE_COLOR, INK, MUTED, TEXT_COLOR, canvas

CENTROID_COLOR = COLORS[2]
OF_SWEEPS = (IMAGE_COLOR, *COLORS[2:])  # without the color of words
DECADES = {1e-6: "10⁻⁶", 1e-4: "10⁻⁴", 1e-2: "10⁻²", 1.0: "1", 1e2: "10²", 1e4: "10⁴", 1e6: "10⁶"}


def few_shot_figure(
    curve: FewShotCurve, chance: float, title: str = "How many labelled images is text worth?"
) -> Figure:
    """Draw test accuracy against images a class: probe and nearest centroid, each draw a dot, zero-shot a line."""
    figure, (axes,) = canvas(8.4, 4.4)
    for which, name, color in (
        ("centroid", "nearest centroid", CENTROID_COLOR),
        ("probe", "linear probe", IMAGE_COLOR),
    ):
        for shots, draws in zip(curve.shots, getattr(curve, which), strict=True):
            axes.plot([shots] * len(draws), draws, "o", color=color, markersize=4, alpha=0.4, clip_on=False)
        axes.plot(curve.shots, curve.mean(which), color=color, label=f"{name}, mean of {len(curve.probe[0])} draws")
    if curve.zero_shot is not None:
        axes.axhline(curve.zero_shot, color=TEXT_COLOR, label="zero-shot: no labelled image")
    axes.axhline(chance, color=MUTED, linestyle="--", linewidth=1.2, label="guessing")
    axes.set_xscale("log", base=2)
    axes.set_xticks(curve.shots, [str(shots) for shots in curve.shots])
    axes.minorticks_off()
    axes.set(
        xlabel="training images a class (as many again choose λ)", ylabel="test accuracy", ylim=(0, 1.02), title=title
    )
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def sweep_figure(sweeps: Mapping[str, Sweep], title: str = "How strong a regularization?") -> Figure:
    """Draw validation accuracy against λ, a line for each name; a ring is the one that was chosen."""
    figure, (axes,) = canvas(8.4, 4.0)
    for color, (name, sweep) in zip(OF_SWEEPS, sweeps.items(), strict=False):
        axes.plot(sweep.l2, sweep.accuracy, "o-", color=color, markersize=4, label=name, clip_on=False)
        best = max(sweep.accuracy)
        axes.plot(sweep.best, best, "o", color=color, markersize=13, fillstyle="none", clip_on=False)
        stopped = [pair for *pair, done in zip(sweep.l2, sweep.accuracy, sweep.converged, strict=True) if not done]
        for l2, accuracy in stopped:
            axes.plot(l2, accuracy, "x", color=INK, markersize=8, zorder=3)
    axes.plot([], [], "o", color=INK, markersize=11, fillstyle="none", linestyle="", label="chosen")
    if any(not all(sweep.converged) for sweep in sweeps.values()):
        axes.plot([], [], "x", color=INK, linestyle="", label="stopped at the last iteration")
    axes.set(
        xscale="log", xlabel="λ: weak regularization on the left, strong on the right", ylim=(0, 1.02), title=title
    )
    axes.set_xticks(list(DECADES), list(DECADES.values()))
    axes.minorticks_off()
    axes.set_ylabel("validation accuracy")
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def difference_figure(
    differences: Mapping[str, PairedDifference], singles: Sequence[tuple[str, float, float, float]] = ()
) -> Figure:
    """Draw intervals of differences on a line through zero; above them, if given, the accuracies they come from.

    Args:
        singles: name, accuracy, and the ends of its interval, of each classifier alone.
    """
    panels = 1 + bool(singles)
    figure, axes = canvas(8.4, 0.5 * (len(differences) + len(singles)) + 1.5 * panels, rows=panels)
    if singles:
        for row, (_, value, low, high) in enumerate(singles):
            axes[0].plot([low, high], [row, row], color=MUTED, linewidth=5, alpha=0.5)
            axes[0].plot(value, row, "o", color=INK)
        axes[0].set_yticks(range(len(singles)), [name for name, *_ in singles])
        axes[0].set(ylim=(len(singles) - 0.5, -0.5), xlabel="accuracy, each alone", title="Two intervals may overlap …")
    below = axes[-1]
    below.axvline(0, color=INK, linewidth=1.2)
    for row, found in enumerate(differences.values()):
        color = IMAGE_COLOR if found.decided else MUTED
        below.plot([found.low, found.high], [row, row], color=color, linewidth=5, alpha=0.5)
        below.plot(found.difference, row, "o", color=color)
    reach = 1.15 * max(max(abs(found.low), abs(found.high)) for found in differences.values()) or 0.1
    below.set_yticks(range(len(differences)), list(differences))
    title = "… and the difference be decided" if singles else "Is the difference decided?"
    below.set(xlim=(-reach, reach), ylim=(len(differences) - 0.5, -0.5), title=title)
    below.set_xlabel("difference of accuracies, 95 % paired interval")
    for one in axes:
        one.grid(axis="y", visible=False)
        one.tick_params(axis="y", length=0)
    return figure
