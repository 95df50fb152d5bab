"""A color for each pair on the map, by modality or by an attribute, and the legend that explains it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from numbers import Real
from typing import Any

import numpy as np
from matplotlib.colors import to_hex

from clip_tutor.lab.plots.style import COLORS, IMAGE_COLOR, MUTED, SEQUENTIAL, TEXT_COLOR

MODALITY = "modality"  # the first entry of the menu
# Okabe and Ito's eight; blue and vermilion, which elsewhere mean images and captions, come last.
CATEGORIES = (*COLORS[2:], "#F0E442", COLORS[1], COLORS[0])
UNKNOWN = "#BFC2C7"
_PALEST = 0.2  # where the scale begins: its lightest shades are lost on white


@dataclass(frozen=True)
class Coloring:
    """Colors of N images and N captions."""

    images: tuple[str, ...]
    captions: tuple[str, ...]
    legend: str  # HTML


def by_modality(pairs: int) -> Coloring:
    """Return blue for images and vermilion for captions."""
    legend = _entry(IMAGE_COLOR, "images (thumbnails)") + _entry(TEXT_COLOR, "captions (dots)", "50%")
    return Coloring((IMAGE_COLOR,) * pairs, (TEXT_COLOR,) * pairs, legend)


def by_attribute(name: str, values: Sequence[Any]) -> Coloring:
    """Return a scale of shades for numbers, eight colors for everything else; what is None or NaN is gray.

    Of more than eight kinds the seven commonest have a color, and the others are one gray kind.
    """
    known = [value for value in values if not _is_unknown(value)]
    if known and all(isinstance(value, Real) and not isinstance(value, bool) for value in known):
        colors, legend = _scale([None if _is_unknown(value) else float(value) for value in values])
    else:
        colors, legend = _kinds([None if _is_unknown(value) else str(value) for value in values])
    return Coloring(tuple(colors), tuple(colors), f"<b>{escape(name)}</b>{legend}")


def _scale(values: Sequence[float | None]) -> tuple[list[str], str]:
    known = [value for value in values if value is not None and np.isfinite(value)]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    span = high - low or 1.0

    def shade(value: float) -> str:
        return to_hex(SEQUENTIAL(_PALEST + (1 - _PALEST) * (value - low) / span))

    colors = [UNKNOWN if value is None or not np.isfinite(value) else shade(value) for value in values]
    stops = ",".join(shade(low + part * (high - low)) for part in np.linspace(0, 1, 6))
    bar = (
        f'<span style="display:inline-block;width:120px;height:10px;background:linear-gradient(90deg,{stops})"></span>'
    )
    legend = f"<span>{low:,.4g} {bar} {high:,.4g}</span>"
    return colors, legend + (_entry(UNKNOWN, "not known") if UNKNOWN in colors else "")


def _kinds(values: Sequence[str | None]) -> tuple[list[str], str]:
    counts = Counter(value for value in values if value is not None)
    named = [name for name, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
    own = named if len(named) <= len(CATEGORIES) else named[: len(CATEGORIES) - 1]
    color_of = dict(zip(own, CATEGORIES, strict=False))
    legend = "".join(_entry(color_of[name], f"{name} ({counts[name]:,})") for name in own)
    if len(own) < len(named):
        others = sum(counts[name] for name in named[len(own) :])
        legend += _entry(MUTED, f"{len(named) - len(own)} other kinds ({others:,})")
    if None in values:
        legend += _entry(UNKNOWN, f"not known ({sum(value is None for value in values):,})")
    return [UNKNOWN if value is None else color_of.get(value, MUTED) for value in values], legend


def _is_unknown(value: Any) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))


def _entry(color: str, words: str, radius: str = "2px") -> str:
    look = f"display:inline-block;width:10px;height:10px;margin-right:5px;background:{color};border-radius:{radius}"
    mark = f'<span style="{look}"></span>'
    return f'<span style="white-space:nowrap">{mark}{escape(words)}</span>'
