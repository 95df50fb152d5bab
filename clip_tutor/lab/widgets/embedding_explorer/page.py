"""What the map shows, as HTML: pure functions of the points and of the controls' settings.

Places are percent of the map, from its upper left corner; a view is the part of the map that fills the stage.
"""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import numpy as np

from clip_tutor.lab.plots.style import FAINT, IMAGE_COLOR, INK, MUTED, TEXT_COLOR
from clip_tutor.lab.widgets.embedding_explorer.coloring import Coloring
from clip_tutor.lab.widgets.embedding_explorer.points import Points

SHOW = ("images and captions", "images", "captions")
WIDTH, HEIGHT = 4, 3  # proportions of the stage
MARGIN = 3.0  # percent that stay empty around the points
LISTED = 18  # images, and captions, of a box that are listed
_MOST_MATCHES = 3  # captions found by words whose names are said


class View(NamedTuple):
    """A part of the map, in percent."""

    left: float = 0.0
    right: float = 100.0
    top: float = 0.0
    bottom: float = 100.0

    def on_stage(self, places: np.ndarray) -> np.ndarray:
        """Return where places (N, 2) on the map stand on the stage, in percent of it."""
        low, span = np.array([self.left, self.top]), np.array([self.right - self.left, self.bottom - self.top])
        return np.asarray((places - low) / span * 100)


WHOLE = View()


def percent_of(xy: np.ndarray) -> np.ndarray:
    """Return (2N, 2) places of a layout as percent of the map, with the same scale both ways and y upwards.

    Points that all lie in one place stand in the middle.

    Raises:
        ValueError: these are no places, or some are not numbers.
    """
    xy = np.asarray(xy, dtype=float)
    if xy.ndim != 2 or xy.shape[1] != 2:
        raise ValueError(f"a layout is an array (2N, 2) of places, not one of shape {xy.shape}")
    broken = ~np.isfinite(xy).all(axis=1)
    if broken.any():
        raise ValueError(
            f"{broken.sum()} of {len(xy)} places are not numbers, the first in row {broken.argmax()}: "
            "compute this layout again, from vectors without NaN"
        )
    low, high = xy.min(axis=0), xy.max(axis=0)
    scale = max(float(((high - low) / (WIDTH, HEIGHT)).max()), 1e-12)
    units = (xy - (low + high) / 2) / scale * (1, -1)  # from -WIDTH / 2 to WIDTH / 2, and so on
    return np.asarray(50 + units / (WIDTH, HEIGHT) * (100 - 2 * MARGIN))


def shown_rows(pairs: int, show: str) -> range:
    """Return the rows of the map that are shown."""
    return {SHOW[1]: range(pairs), SHOW[2]: range(pairs, 2 * pairs)}.get(show, range(2 * pairs))


def matching(captions: Sequence[str], words: str) -> set[int]:
    """Return the pairs whose caption has all of some words, in any order; of no words, all."""
    wanted = words.lower().split()
    return {n for n, caption in enumerate(captions) if all(word in caption.lower() for word in wanted)}


def draw_points(
    points: Points,
    places: np.ndarray,
    coloring: Coloring,
    show: str = SHOW[0],
    size: int = 26,
    words: str = "",
    view: View = WHOLE,
) -> str:
    """Return thumbnails and caption marks at their places (2N, 2), each with its hover card, over a legend.

    Args:
        size: pixels of a thumbnail.
        words: pairs whose captions lack one of them are drawn faint.
    """
    N = len(points)
    found = matching(points.captions, words)
    stage = view.on_stage(places)
    colors = (*coloring.images, *coloring.captions)
    marks = []
    for row in shown_rows(N, show):
        x, y = stage[row]
        if -2 <= x <= 102 and -2 <= y <= 102:
            kinds = "t" if row < N else "d"
            kinds += " r" if x > 55 else ""
            kinds += " b" if y > 60 else ""
            kinds += "" if row % N in found else " f"
            label = escape(points.captions[row % N])
            marks.append(
                f'<i class="{kinds}" data-n="{row}" tabindex="-1" role="img" aria-label="{label}" '
                f'style="left:{x:.2f}%;top:{y:.2f}%;{_tile(points, row % N)};--k:{colors[row]}"></i>'
            )
    said = f"{len(marks):,} points"
    if words.strip():
        said = f"{len(found):,} of {N:,} captions have “{escape(words.strip()[:60])}”" + (
            ": " + ", ".join(f"pair {n + 1}" for n in sorted(found)[:_MOST_MATCHES]) if found else ""
        )
    return (
        f'<div class="kit-legend">{coloring.legend}<span class="kit-said">{said}</span></div>'
        f'<div class="kit-surface" data-pairs="{N}" style="--s:{size}px">{"".join(marks)}</div>'
    )


def draw_overlay(
    points: Points,
    places: np.ndarray,
    across: tuple[float, float],
    down: tuple[float, float],
    row: int | None = None,
    view: View = WHOLE,
) -> str:
    """Return the box, and a ring around a chosen row with a line to the other half of its pair."""
    (left, top), (right, bottom) = view.on_stage(np.array([[across[0], down[0]], [across[1], down[1]]]))
    left, top = max(left, 0.0), max(top, 0.0)
    right, bottom = min(right, 100.0), min(bottom, 100.0)
    drawn = ""
    if right > left and bottom > top:
        drawn = (
            f'<div class="kit-box" style="left:{left:.2f}%;top:{top:.2f}%;width:{right - left:.2f}%;'
            f'height:{bottom - top:.2f}%"></div>'
        )
    if row is not None:
        N = len(points)
        (x, y), (mate_x, mate_y) = view.on_stage(places[[row, (row + N) % (2 * N)]])
        drawn += (
            f'<svg class="kit-tie"><line x1="{x:.2f}%" y1="{y:.2f}%" x2="{mate_x:.2f}%" y2="{mate_y:.2f}%"/></svg>'
            f'<div class="kit-ring" style="left:{x:.2f}%;top:{y:.2f}%"></div>'
            f'<div class="kit-ring kit-mate" style="left:{mate_x:.2f}%;top:{mate_y:.2f}%"></div>'
        )
    return f'<div class="kit-overlay" aria-hidden="true">{drawn}</div>'


def in_box(places: np.ndarray, across: tuple[float, float], down: tuple[float, float]) -> np.ndarray:
    """Return (2N,): whether each place lies in the box."""
    x, y = places.T
    return np.asarray((across[0] <= x) & (x <= across[1]) & (down[0] <= y) & (y <= down[1]))


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
        f'<div class="kit-list"><b>In the box:</b> {said}<div class="kit-tiles">{tiles}</div>{_more(len(images), "images")}'
        f"<ul>{lines}</ul>{_more(len(captions), 'captions')}</div>"
    )


def draw_card(points: Points, row: int | None) -> str:
    """Return a chosen point: image, caption, how well they fit, and its nearest neighbors in the space itself."""
    if row is None:
        return (
            '<div class="kit-card"><b>No point chosen.</b><p>Hover over a point to see it. Click it, or enter the number '
            "of its pair, to see its nearest neighbors in the space.</p></div>"
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


def _tile(points: Points, pair: int) -> str:
    return f"--c:{pair % points.columns};--r:{pair // points.columns}"


def _thumbnail(points: Points, pair: int, side: int) -> str:
    label = escape(points.captions[pair])
    return (
        f'<span class="t kit-still" role="img" aria-label="{label}" title="{label}" '
        f'style="--s:{side}px;{_tile(points, pair)}"></span>'
    )


def style_sheet(name: str, points: Points) -> str:
    """Return the CSS of one map, under the class ``name``: with it the thumbnails travel, once."""
    card = 288  # pixels
    return f"""<style>
.{name} {{ --sheet:url({points.sheet}); }}
.{name} .t {{ background-image:var(--sheet); background-size:calc({points.columns} * var(--s));
  background-position:calc(var(--c) * var(--s) * -1) calc(var(--r) * var(--s) * -1); }}
.{name} .kit-surface i::before {{ background-image:var(--sheet); background-size:{96 * points.columns}px;
  background-position:calc(var(--c) * -96px) calc(var(--r) * -96px); }}
.{name}, .{name} .widget-box, .{name} .kit-stage, .{name} .kit-stage > * {{ overflow:visible; }}
.{name} .kit-left {{ flex:0 1 720px; width:min(100%, 720px); }}
.{name} .kit-stage {{ position:relative; width:100%; }}
.{name} .kit-stage > * {{ margin:0; width:100%; height:auto; }}
.{name} .kit-side > * {{ width:auto; }}
.{name} .kit-stage .widget-html-content {{ width:100%; height:auto; line-height:1.35; }}
.{name} .kit-above {{ position:absolute; left:0; bottom:0; pointer-events:none; }}
.{name} .kit-surface, .{name} .kit-overlay {{ position:relative; width:100%; aspect-ratio:{WIDTH}/{HEIGHT}; }}
.{name} .kit-surface {{ background:#FCFCFB; border:1px solid {FAINT}; border-radius:8px; box-sizing:border-box;
  cursor:crosshair; touch-action:none; user-select:none; }}
.{name} .kit-surface i {{ position:absolute; box-sizing:border-box; outline:1.5px solid var(--k); cursor:pointer; }}
.{name} .kit-surface i.t {{ width:var(--s); height:var(--s); margin:calc(var(--s) / -2) 0 0 calc(var(--s) / -2);
  border-radius:3px; }}
.{name} .kit-surface i.d {{ width:9px; height:9px; margin:-4.5px 0 0 -4.5px; border-radius:50%; background:var(--k);
  outline:1px solid white; }}
.{name} .kit-surface i.f {{ opacity:.12; }}
.{name} .kit-surface i:hover, .{name} .kit-surface i:focus, .{name} .kit-surface i.mate {{ z-index:5; opacity:1;
  outline:3px solid {INK}; }}
.{name} .kit-surface i:hover {{ z-index:7; }}
.{name} .kit-surface i::before, .{name} .kit-surface i::after {{ display:none; position:absolute; pointer-events:none; }}
.{name} .kit-surface i:hover::before, .{name} .kit-surface i:focus::before {{ display:block; content:""; z-index:2;
  width:96px; height:96px; border-radius:5px; left:calc(100% + 16px); top:calc(100% + 16px); }}
.{name} .kit-surface i:hover::after, .{name} .kit-surface i:focus::after {{ display:block; content:attr(aria-label);
  z-index:1; left:calc(100% + 8px); top:calc(100% + 8px); box-sizing:border-box; width:{card}px; min-height:112px;
  padding:12px 12px 12px 116px; background:white; color:{INK}; border:1px solid #B8BBC0; border-radius:8px;
  box-shadow:0 4px 14px #0003; font:13px/1.35 sans-serif; white-space:normal; overflow-wrap:anywhere; }}
.{name} .kit-surface i.r:hover::after, .{name} .kit-surface i.r:focus::after {{ left:auto; right:calc(100% + 8px); }}
.{name} .kit-surface i.r:hover::before, .{name} .kit-surface i.r:focus::before {{ left:auto;
  right:calc(100% + {card - 96}px); }}
.{name} .kit-surface i.b:hover::after, .{name} .kit-surface i.b:focus::after {{ top:auto; bottom:calc(100% + 8px); }}
.{name} .kit-surface i.b:hover::before, .{name} .kit-surface i.b:focus::before {{ top:auto;
  bottom:calc(100% + 16px); }}
.{name} .kit-surface:has(i:hover) i:focus:not(:hover)::before, .{name} .kit-surface:has(i:hover) i:focus:not(:hover)::after
  {{ display:none; }}
.{name} .kit-box, .{name} .kit-rubber {{ position:absolute; box-sizing:border-box; pointer-events:none;
  border:2px dashed {INK}; background:#26282B0D; border-radius:4px; }}
.{name} .kit-ring {{ position:absolute; box-sizing:border-box; width:34px; height:34px; margin:-17px 0 0 -17px;
  border:3px solid {INK}; border-radius:50%; }}
.{name} .kit-ring.kit-mate {{ border-style:dotted; }}
.{name} .kit-tie {{ position:absolute; inset:0; width:100%; height:100%; pointer-events:none; }}
.{name} .kit-tie line {{ stroke:{INK}; stroke-width:1.5; stroke-dasharray:4 3; }}
.{name} .kit-legend {{ display:flex; flex-wrap:wrap; gap:3px 14px; align-items:center; min-height:24px;
  padding:2px 0 6px; font-size:12px; }}
.{name} .kit-said {{ margin-left:auto; color:{MUTED}; }}
.{name} .kit-card, .{name} .kit-list {{ font-size:13px; line-height:1.4; }}
.{name} .kit-card {{ border-bottom:1px solid {FAINT}; padding-bottom:8px; margin-bottom:8px; }}
.{name} .kit-facts {{ display:inline-block; vertical-align:top; width:calc(100% - 112px); margin:0 0 8px 10px; }}
.{name} .kit-still {{ display:inline-block; width:var(--s); height:var(--s); border-radius:5px; }}
.{name} .kit-tiles {{ display:flex; flex-wrap:wrap; gap:5px; margin:5px 0; }}
.{name} .kit-near {{ display:inline-flex; flex-direction:column; align-items:center; }}
.{name} ul {{ margin:4px 0; padding-left:18px; }}
.{name} small {{ color:{MUTED}; }}
.{name} .kit-side {{ flex:1 1 280px; min-width:260px; max-width:420px; }}
.{name} .kit-unseen {{ display:none; }}
</style>"""
