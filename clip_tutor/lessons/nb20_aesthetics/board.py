"""The rating board: twenty images with five buttons each, and what a head learns from them, drawn anew at every click.

🖼 1 2 3 4 5     🖼 1 2 3 4 5     …          `RatingTable.value`: 20 numbers, 0 where nothing was said
──────────────────────────────────
the highest and lowest of images that nobody rated · held-out agreement, with its interval · what the scores track
"""

from collections.abc import Sequence
from html import escape
from typing import Any

import ipywidgets
import torch
import traitlets
from torch import Tensor

from clip_tutor.applications.aesthetics import (
    LinearHead,
    audit,
    fit_ratings,
    held_out_agreement,
    scene_attributes,
)
from clip_tutor.applications.aesthetics.training import FEWEST
from clip_tutor.lab.widgets.explore import Explorer, explore
from clip_tutor.lab.widgets.gallery import data_address, gallery
from clip_tutor.lessons.nb20_aesthetics.raters import Rater
from clip_tutor.lessons.nb20_aesthetics.worlds import Part

STEPS = (1, 2, 3, 4, 5)
LEAST = FEWEST + 2  # ratings: two are left out, and a head is fitted to the others
SIDE = 84  # pixels
SHOWN = 8


class RatingTable(ipywidgets.GridBox):
    """Images with five buttons below each. ``explore(draw, ratings=RatingTable(images))`` calls ``draw(ratings=…)``."""

    value = traitlets.Tuple()

    def __init__(self, images: Sequence[Any]) -> None:
        self.choices: list[ipywidgets.ToggleButtons] = []
        tiles = []
        for n, image in enumerate(images):
            choice = ipywidgets.ToggleButtons(
                options=[str(step) for step in STEPS],
                value=None,
                tooltips=[f"image {n + 1}: {step} of {len(STEPS)}" for step in STEPS],
                style={"button_width": "32px"},
                layout={"width": "186px"},
            )
            choice.observe(self._read, names="value")
            self.choices.append(choice)
            shown = ipywidgets.HTML(f'<img src="{data_address(image)}" alt="image {n + 1}" width="{SIDE}">')
            tiles.append(ipywidgets.VBox([shown, choice], layout={"align_items": "center", "overflow": "hidden"}))
        super().__init__(
            tiles, layout={"grid_template_columns": "repeat(5, 190px)", "grid_gap": "6px", "padding": "0 0 8px 0"}
        )
        self.add_class("rating-table")
        self.value = (0,) * len(tiles)

    def _read(self, _: Any) -> None:
        """Take the value from what is pressed."""
        self.value = tuple(int(choice.value or 0) for choice in self.choices)


def rating_board(rated: Part, unseen: Part) -> Explorer:
    """Return the board for the images of ``rated``; nothing is pressed when it opens."""
    attributes = scene_attributes(unseen.scenes)

    def board(ratings: tuple[int, ...] = (0,) * len(rated.scenes)) -> str:
        return what_was_learned(rated, unseen, attributes, ratings)

    return explore(board, ratings=RatingTable(list(rated.pixels)))


def what_was_learned(rated: Part, unseen: Part, attributes: dict[str, list[str]], ratings: Sequence[int]) -> str:
    """Return in HTML what a head makes of the ratings given so far (0: none), or how many are missing."""
    known = [n for n, rating in enumerate(ratings) if rating]
    given = torch.tensor([ratings[n] for n in known])
    if len(known) < LEAST:
        return f"<p>{len(known)} of {len(ratings)} images are rated. A head is fitted from {LEAST} ratings on.</p>"
    if len(given.unique()) < 2:
        return f"<p>All {len(known)} ratings are {given[0]}. A taste is in the differences: use another step, too.</p>"
    features = rated.features[known]
    scores = fit_ratings(features, given).score(unseen.features)  # (N,)
    held_out = held_out_agreement(features, given)
    said = "" if held_out.decided else " The interval holds 0.5: <b>chance has not been ruled out</b>."
    shares = audit(scores, attributes).shares
    tracked = ", ".join(f"{name} {share.explained:.0%}" for name, share in shares.items() if share.tracked)
    order = scores.argsort(descending=True).tolist()
    rows = "".join(
        f"<p style='margin:8px 0 2px 0'><b>{escape(name)}</b></p>{_tiles(unseen, scores, chosen)}"
        for name, chosen in (
            (f"Liked most of {len(order)} images that nobody has rated", order[:SHOWN]),
            ("Liked least", order[-SHOWN:]),
        )
    )
    return (
        f"<p>{len(known)} ratings. Of two images that were left out, the head puts the one first that you liked better "
        f"in <b>{held_out.share:.0%}</b> of {held_out.pairs} pairs ({held_out.low:.0%} to {held_out.high:.0%}).{said}"
        f"<br>What the scores follow, as a share of their variance: {tracked or 'nothing that this data set names'}."
        f"</p>{rows}"
    )


def _tiles(part: Part, scores: Tensor, chosen: Sequence[int]) -> str:
    captions = [part.scenes[n].caption for n in chosen]
    return gallery([part.pixels[n] for n in chosen], captions, [float(scores[n]) for n in chosen], side=SIDE)


def taste_of(ratings: Sequence[int], rated: Part, everything: Part, instead: Rater) -> tuple[LinearHead, str]:
    """Return the head of the board's ratings, or of 200 ratings by a simulated rater, and whose taste it is.

    Args:
        ratings: of the board's images, 0 where nothing was pressed.
        rated: these images.
        everything: images that the simulated rater has rated.
    """
    known = [n for n, rating in enumerate(ratings) if rating]
    given = torch.tensor([ratings[n] for n in known])
    if len(known) >= LEAST and len(given.unique()) > 1:
        return fit_ratings(rated.features[known], given), f"yours, from {len(known)} ratings on the board"
    first = everything.first(200)
    head = fit_ratings(first.features, instead.ratings(first.scenes, seed=0))
    return head, f"a SIMULATED rater's, from {len(first.scenes)} ratings: nothing was rated on the board"
