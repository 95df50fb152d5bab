"""What stands beside the map, as HTML: what lies in the box, and the chosen point with its nearest neighbors."""

from html import escape

import numpy as np

from clip_tutor.lab.plots.style import IMAGE_COLOR, TEXT_COLOR
from clip_tutor.lab.widgets.embedding_explorer.page import SHOW, in_box, shown_rows, tile_of
from clip_tutor.lab.widgets.embedding_explorer.points import Points

LISTED = 18  # images, and captions, of a box that are listed


def draw_list(
    points: Points, places: np.ndarray, across: tuple[float, float], down: tuple[float, float], show: str = SHOW[0]
) -> str:
    """Return what lies in the box: how many of each, the first thumbnails and the first captions."""
    N = len(points)
    shown = np.zeros(2 * N, dtype=bool)
    shown[list(shown_rows(N, show))] = True
    inside = in_box(places, across, down) & shown
    images, captions = np.flatnonzero(inside[:N]), np.flatnonzero(inside[N:])
    if not len(images) and not len(captions):
        return (
            '<div class="kit-list"><b>In the box</b><p>Nothing: move it over some points, or make it larger.</p></div>'
        )
    both = int((inside[:N] & inside[N:]).sum())
    said = f"{len(images):,} images, {len(captions):,} captions, {both:,} pairs whole"
    tiles = "".join(_thumbnail(points, int(n), 44) for n in images[:LISTED])
    lines = "".join(f"<li>{escape(points.captions[n])}</li>" for n in captions[:LISTED])
    return (
        f'<div class="kit-list"><b>In the box:</b> {said}<div class="kit-tiles">{tiles}</div>'
        f"{_more(len(images), 'images')}"
        f"<ul>{lines}</ul>{_more(len(captions), 'captions')}</div>"
    )


def draw_card(points: Points, row: int | None) -> str:
    """Return a chosen point: image, caption, how well they fit, and its nearest neighbors in the space itself."""
    if row is None:
        return (
            '<div class="kit-card"><b>No point chosen.</b><p>Hover over a point to see it. Click it, or enter '
            "the number of its pair, to see its nearest neighbors in the space.</p></div>"
        )
    N = len(points)
    pair = row % N
    kind, color = ("image", IMAGE_COLOR) if row < N else ("caption", TEXT_COLOR)
    facts = "".join(
        f"<div>{escape(name)}: {escape(_said(values[pair]))}</div>" for name, values in points.attributes.items()
    )
    images, captions = points.nearest(row)
    tiles = "".join(
        f'<span class="kit-near">{_thumbnail(points, n, 44)}<small>{_own(n, row, N)}{score:.2f}</small></span>'
        for n, score in images
    )
    lines = "".join(
        f"<li>{_own(n, row, N)}{escape(points.captions[n - N])} <small>{score:.2f}</small></li>"
        for n, score in captions
    )
    return (
        f'<div class="kit-card">{_thumbnail(points, pair, 96)}<div class="kit-facts">'
        f'<b style="color:{color}">{kind} of pair {pair + 1}</b><div>{escape(points.captions[pair])}</div>{facts}'
        f"<div>cosine of the pair: {points.own_cosines()[pair]:.2f}</div></div>"
        f'<b>Nearest images</b><div class="kit-tiles">{tiles}</div><b>Nearest captions</b><ul>{lines}</ul></div>'
    )


def _own(row: int, chosen: int, pairs: int) -> str:
    return '<span title="the other half of the pair">✓ </span>' if row % pairs == chosen % pairs else ""


def _said(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _more(count: int, what: str) -> str:
    return f"<small>and {count - LISTED:,} more {what}</small>" if count > LISTED else ""


def _thumbnail(points: Points, pair: int, side: int) -> str:
    label = escape(points.captions[pair])
    return (
        f'<span class="t kit-still" role="img" aria-label="{label}" title="{label}" '
        f'style="--s:{side}px;{tile_of(points, pair)}"></span>'
    )
