"""One image that was found: its thumbnail and score, and a button over it for more like it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from html import escape

import ipywidgets

from clip_tutor.lab.widgets.image_search.query import shortened
from clip_tutor.lab.widgets.image_search.thumbnails import Thumbnail
from clip_tutor.search import Hit

MOST_Z = 99  # above, chance does not vary: an index of one image


class Tile(ipywidgets.VBox):
    """A place in the grid, filled anew by each search: widgets that are made anew are never freed.

    The button lies over the image. It is what the keyboard reaches, and its label is what a screen reader says.
    """

    hit: Hit  # what it shows

    def __init__(self, on_more: Callable[[Hit], None]) -> None:
        self.html = ipywidgets.HTML()
        self.more = ipywidgets.Button()
        self.more.add_class("kit-more")
        self.more.on_click(lambda _: on_more(self.hit))
        super().__init__([self.more, self.html])
        self.add_class("kit-tile")

    def show(self, hit: Hit, thumbnail: Thumbnail) -> None:
        """Show one hit."""
        self.hit = hit
        self.html.value = tile_html(hit, thumbnail)
        self.more.description = f"More like {shortened(shown_name(hit.name))}"
        self.more.tooltip = hit.name


def shown_name(name: str) -> str:
    """Return a file's name without its folders, any other name as it is."""
    return os.path.basename(name) if os.path.isabs(name) else name


def tile_html(hit: Hit, thumbnail: Thumbnail) -> str:
    """Return the HTML of one hit: image with alternative text, name, score, what was remarked about it."""
    name = escape(shown_name(hit.name))
    if thumbnail.address:
        image = f'<img src="{thumbnail.address}" alt="{name}">'
    else:
        image = f'<div class="kit-missing">{escape(thumbnail.problem)}</div>'
    remarks = ["the image you search with"] if hit.is_query else []
    if not (hit.fits or hit.is_query):
        remarks.append("no better than chance")
    if hit.copies:
        count = "1 copy" if len(hit.copies) == 1 else f"{len(hit.copies)} copies"
        names = ", ".join(map(shown_name, hit.copies))
        remarks.append(f'<span title="{escape(", ".join(hit.copies))}">{count}: {escape(shortened(names))}</span>')
    return (
        f'<figure class="{"" if hit.fits or hit.is_query else "kit-unfit"}">{image}<figcaption>'
        f'<div class="kit-name" aria-hidden="true">{name}</div>'
        f'<div class="kit-score">{score_text(hit)}</div>'
        + "".join(f'<div class="kit-remark">{remark}</div>' for remark in remarks)
        + "</figcaption></figure>"
    )


def score_text(hit: Hit) -> str:
    """Return a hit's score and its z-score in HTML."""
    if not math.isfinite(hit.score):
        return "no score: its vector is not of numbers"
    if hit.z is None or abs(hit.z) > MOST_Z:
        return f"{hit.score:.3f}"
    z = f"{hit.z:+.1f}".replace("-", "−")
    return f'<b>{hit.score:.3f}</b> <span title="standard deviations above chance">z&nbsp;{z}</span>'
