"""The figures of notebook 08: what each tower knows of left and right, why that is hard, and what cures it."""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from clip_tutor.data.scenes import RELATIONS
from clip_tutor.lab.plots.style import COLORS, MUTED, SEQUENTIAL, THOUSANDS, canvas
from clip_tutor.lab.widgets.gallery import as_image

Curves = Mapping[str, Sequence[Mapping[str, Sequence[float]]]]  # by recipe; a record of lists for each seed
MARKERS = "o^sD"
RECIPE_NAMES = {"neither": "neither", "twins": "twins", "wordings": "curriculum", "both": "twins and curriculum"}


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
