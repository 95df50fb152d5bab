"""The figures of notebook 08: a run beside what was guessed, losses, and what the towers know of left and right."""

import math
from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from clip_tutor.data.scenes import RELATIONS
from clip_tutor.lab.plots.common import training_curve
from clip_tutor.lab.plots.style import COLORS, INK, MUTED, SEQUENTIAL, TEXT_COLOR, THOUSANDS, canvas
from clip_tutor.lab.widgets.gallery import as_image

Curves = Mapping[str, Sequence[Mapping[str, Sequence[float]]]]  # by recipe; a record of lists for each seed
MARKERS = "o^sD"
RECIPE_NAMES = {"neither": "neither", "twins": "twins", "wordings": "curriculum", "both": "twins and curriculum"}

# Zero-shot accuracy on ImageNet of models trained from scratch: pairs, per cent, and what was trained on what. Those
# with a star are reports of users in OpenCLIP's threads 300, 448 and 464, the others stand in OpenCLIP's own tables.
FROM_SCRATCH = (
    (3e6, 5.0, "3 M of CC12M *"),
    (3e6, 18.75, "CC3M, RN50 *"),
    (12e6, 18.0, "CC12M, ViT-B/32 *"),
    (12e6, 35.9, "CC12M, RN50"),
    (15e6, 32.7, "YFCC15M, RN50"),
    (400e6, 62.9, "LAION-400M, ViT-B/32"),
    (400e6, 63.3, "OpenAI's 400 M, ViT-B/32"),
)


def with_guess(
    history: Sequence[Mapping[str, float]], similarity: Any, said: Mapping[str, str | None], pairs: float | None = None
) -> Figure:
    """Draw the curves of a run so far, and beside them (a diamond) what was guessed of it, where something was.

    Args:
        history, similarity: see `training_curve`.
        said: guesses by name, "loss_before", "temperature_first", "half_found_after" and "learned_last".
        pairs: how many the whole run will see, if that is known.
    """
    last = said["learned_last"]
    figure = training_curve(history, f"◆ my guess: {last} is learned last" if last else "Training", similarity)
    loss, temperature, recall = figure.axes[:3]
    mark: dict[str, Any] = {"color": COLORS[3], "clip_on": False, "in_layout": False, "zorder": 5}
    diamond = {**mark, "marker": "D", "markersize": 8}
    if (guessed := as_number(said["loss_before"])) is not None:
        loss.plot(0, guessed, **diamond)
        loss.set_ylim(0, max(6.0, 1.1 * guessed))
    if way := said["temperature_first"]:
        there, end = 0.15 * (pairs or 100_000), 0.085 if way == "up" else 0.055
        temperature.plot([0, there], [0.07, end], "--", **mark)
        temperature.plot(there, end, **diamond)
    if (guessed := as_number(said["half_found_after"])) is not None:
        recall.plot(guessed, 0.5, **diamond)
    temperature.set_ylim(0, 0.1)
    for axes in (loss, temperature, recall) if pairs else ():
        axes.set_xlim(0, pairs)
    return figure


def as_number(words: str | None) -> float | None:
    """Return what somebody wrote as a number, None for what is none: "50,000", "ln 64" and "log(64)" are some."""
    words = (words or "").lower().replace(",", "").replace("log", "ln").strip()
    try:
        if words.startswith("ln"):
            return math.log(float(words.removeprefix("ln").strip(" ()")))
        return float(words)
    except ValueError:
        return None


def loss_curves(curves: Mapping[str, Any], chance: float, title: str, xlabel: str = "step") -> Figure:
    """Draw losses over steps: for each name a list of losses, or a pair of lists, steps and losses.

    ``chance`` is the loss of blind guessing. The first curve is drawn thick, so that one may lie upon it.
    """
    figure, (axes,) = canvas(9, 3.3)
    for n, (name, curve) in enumerate(curves.items()):
        x, y = curve if isinstance(curve, tuple) else (range(1, len(curve) + 1), curve)
        axes.plot(x, y, color=COLORS[(1, 2, 0, 3)[n % 4]], linewidth=3.5 if n == 0 else 1.6, label=name)
    axes.axhline(chance, color=MUTED, linestyle="--", linewidth=1.2, label=f"guessing: {chance:.2f}")
    axes.set(title=title, xlabel=xlabel, ylabel="loss (nats)")
    figure.legend(loc="outside right center")
    return figure


def smoothed(values: Sequence[float], share: float = 0.7) -> list[float]:
    """Return a running mean: ``share`` of each mean is the one before it, and the first are corrected for that."""
    means, mean_before = [], 0.0
    for n, value in enumerate(values, 1):
        mean_before = share * mean_before + (1 - share) * value
        means.append(mean_before / (1 - share**n))
    return means


def range_curve(rates: Sequence[float], losses: Sequence[float], peak: float, chance: float) -> Figure:
    """Draw the loss of a range test over its learning rates, and where a recipe's peak lies."""
    figure, (axes,) = canvas(7.5, 3.2)
    axes.plot(rates, losses, "o", color=MUTED, markersize=3, label="one batch")
    axes.plot(rates, smoothed(losses), color=INK, label="running mean")
    axes.axvline(peak, color=TEXT_COLOR, linestyle=":", label=f"the recipe's peak, {peak:g}")
    axes.axhline(chance, color=MUTED, linestyle="--", linewidth=1.2, label="guessing")
    axes.set(
        xscale="log", title="Range test: each step with a higher rate", xlabel="learning rate", ylabel="loss (nats)"
    )
    axes.set_ylim(0, 1.6 * chance)
    _powers_of_ten(axes, [10.0**n for n in range(-5, 0)], "{:g}")
    figure.legend(loc="outside right center")
    return figure


def from_scratch() -> Figure:
    """Draw what models trained from scratch reach on ImageNet without a label, over the pairs that they had."""
    figure, (axes,) = canvas(8.5, 3.6)
    below = {"3 M of CC12M *", "CC12M, ViT-B/32 *", "LAION-400M, ViT-B/32"}
    for pairs, share, name in FROM_SCRATCH:
        axes.plot(pairs, share, "o", color=TEXT_COLOR)
        away = -11 if name in below or "YFCC" in name else 7
        axes.annotate(name, (pairs, share), xytext=(5, away), textcoords="offset points", size=9)
    axes.set(xscale="log", xlim=(2e6, 4e9), ylim=(0, 75), title="Trained from scratch, asked without a label")
    axes.set(xlabel="different pairs in the training set", ylabel="ImageNet, % right")
    _powers_of_ten(axes, [1e7, 1e8, 1e9], "{:,.0f}")
    return figure


def _powers_of_ten(axes: Axes, ticks: Sequence[float], form: str) -> None:
    """Label a logarithmic axis in words: the course's figures do not read mathematics between dollar signs."""
    axes.set_xticks(ticks, [form.format(tick) for tick in ticks])
    axes.minorticks_off()


def two_towers(image_features: Any, relation: Any, cosines: Any, captions: Sequence[str]) -> Figure:
    """Draw what each tower makes of one pair of things in four relations.

    First the image vectors (N, E): those of "left of" and "right of" on the direction that tells them apart best, then
    those of "above" and "below". The directions come from the first half of the images; the second half is drawn.
    ``relation`` (N,) are places in `RELATIONS`. Last the cosines (4, 4) between the captions that tell the relations.
    """
    features, relation = np.asarray(image_features), np.asarray(relation)
    half = len(features) // 2
    figure, (*panels, right) = canvas(13, 3.8, columns=3)
    for axes, pair in zip(panels, ((0, 1), (2, 3)), strict=True):
        rows = np.isin(relation, pair)
        rows_before, rows_after = rows[:half].nonzero()[0], half + rows[half:].nonzero()[0]
        direction = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
        direction.fit(features[rows_before], relation[rows_before])
        places = direction.decision_function(features[rows_after])
        bins = np.linspace(places.min(), places.max(), 25).tolist()
        for one in pair:
            drawn = places[relation[rows_after] == one]
            axes.hist(drawn, bins, color=COLORS[one], alpha=0.7, label=f"pizza {RELATIONS[one]} rocket")
        axes.set(yticks=[], xticks=[0], ylabel="scenes", xlabel="place along the best direction")
        axes.set_title("Image tower: unseen scenes")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18))
    table = np.asarray(cosines)
    shades = right.imshow(table, cmap=SEQUENTIAL, vmin=min(0.5, table.min()), vmax=1)
    for (row, column), value in np.ndenumerate(table):
        right.text(column, row, f"{value:.3f}", ha="center", va="center", color="white" if value > 0.85 else "black")
    right.set_xticks(range(4), [name.split()[0] for name in RELATIONS])
    right.set_yticks(range(4), captions)
    right.tick_params(length=0)
    right.grid(False)
    right.set_title("Text tower: cosines of captions")
    figure.colorbar(shades, ax=right, shrink=0.7, label="cosine")
    figure.suptitle("What each tower knows of a pizza and a rocket")
    return figure


def exclusive_or(told: Sequence[tuple[float, float, str, Any]]) -> Figure:
    """Draw captions as corners of a square, each with the image that it belongs to.

    ``told`` holds for each the order of its nouns and its word, as 1 or −1, the caption, and the image.
    """
    figure, (axes,) = canvas(6.4, 5.8)
    for order, word, caption, image in told:
        extent = (order - 0.6, order + 0.6, word - 0.6, word + 0.6)
        axes.imshow(as_image(image), extent=extent, interpolation="lanczos")
        axes.text(order, word - 0.65, caption, ha="center", va="top", size=10)
    axes.set(xlim=(-1.85, 1.85), ylim=(-1.95, 1.75), aspect="equal")
    axes.set_xticks([-1, 1], ["rocket first: −1", "pizza first: +1"])
    axes.set_yticks([-1, 1], ["right of: −1", "left of: +1"], rotation=90, va="center")
    axes.set(xlabel="the order of the nouns", ylabel="the word", title="Four captions, two images")
    axes.grid(False)
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.axvline(0, color=MUTED, linewidth=0.8)
    return figure


def relation_curves(curves: Curves) -> Figure:
    """Draw relation accuracy and the cosine of left and right over the pairs seen: a seed is thin, their mean thick."""
    panels = {
        "relation": "Relation, of 4, told in all 8 wordings",
        "text_cosine": "Text tower: “left of” and “right of”",
    }
    figure, axes_of = canvas(11, 3.9, columns=2)
    for axes, (name, title) in zip(axes_of, panels.items(), strict=True):
        for (recipe, runs), color, marker in zip(curves.items(), COLORS, MARKERS, strict=False):
            pairs = runs[0]["pairs"]
            for run in runs:
                axes.plot(pairs, run[name], color=color, linewidth=0.8, alpha=0.6)
            means = [mean(values) for values in zip(*(run[name] for run in runs), strict=True)]
            axes.plot(pairs, means, marker=marker, color=color, label=RECIPE_NAMES[recipe], clip_on=False)
        axes.set(title=title, xlabel="pairs seen", xlim=(0, None), ylim=(0, 1.02))
        axes.xaxis.set_major_formatter(THOUSANDS)
    for height, name in ((0.25, "guessing"), (0.5, "the axis alone")):
        axes_of[0].axhline(height, color=MUTED, linestyle="--", linewidth=1.2)
        place = axes_of[0].get_yaxis_transform()  # x from 0 to 1, y a share
        axes_of[0].text(0.01, height - 0.02, name, size=9, color=MUTED, va="top", transform=place)
    axes_of[0].set_ylabel("share of right answers")
    axes_of[1].set_ylabel("mean cosine")
    handles, labels = axes_of[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    figure.suptitle("Four recipes, the same tiny model, scenes of two things")
    return figure
