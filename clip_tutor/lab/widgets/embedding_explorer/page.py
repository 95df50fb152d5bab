"""The stage as HTML: points, box and ring, pure functions of what lies on the map and of the controls' settings.

Places are percent of the map, from its upper left corner; a view is the part of the map that fills the stage.
"""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import numpy as np

from clip_tutor.lab.widgets.embedding_explorer.coloring import Coloring
from clip_tutor.lab.widgets.embedding_explorer.points import Points

SHOW = ("images and captions", "images", "captions")
WIDTH, HEIGHT = 4, 3  # proportions of the stage
MARGIN = 3.0  # percent that stay empty around the points
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
        if -0.1 <= x <= 100.1 and -0.1 <= y <= 100.1:
            kinds = "t" if row < N else "d"
            kinds += " r" if x > 55 else ""
            kinds += " b" if y > 60 else ""
            kinds += "" if row % N in found else " f"
            label = escape(points.captions[row % N])
            marks.append(
                f'<i class="{kinds}" data-n="{row}" tabindex="-1" role="img" aria-label="{label}" '
                f'style="left:{x:.2f}%;top:{y:.2f}%;{tile_of(points, row % N)};--k:{colors[row]}"></i>'
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


def tile_of(points: Points, pair: int) -> str:
    """Return which tile of the sheet shows a pair's image, for the style of an element."""
    return f"--c:{pair % points.columns};--r:{pair // points.columns}"
