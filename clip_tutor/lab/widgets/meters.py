"""Bars in HTML: `plots.bars` for widgets that answer with each key stroke."""

from collections.abc import Sequence
from html import escape
from typing import Any

from clip_tutor.lab.plots.style import FAINT, MUTED, TEXT_COLOR
from clip_tutor.lab.widgets.gallery import data_address


def meters(names: Sequence[str], probabilities: Any, image: Any = None) -> str:
    """Return HTML with a bar for each name, the longest first, beside the image they speak of.

    Raises:
        ValueError: there is not one probability for each name.
    """
    values = [float(value) for value in probabilities]
    if len(names) != len(values):
        raise ValueError(f"{len(names)} names need as many probabilities, not {len(values)}")
    best_first = sorted(zip(values, names, strict=True), key=lambda row: -row[0])
    rows = "".join(_row(name, value) for value, name in best_first)
    seen = ""
    if image is not None:
        seen = f'<img src="{data_address(image)}" alt="the image" width="160" style="border-radius:6px">'
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:24px;align-items:flex-start;margin-top:8px">'
        f'{seen}<div style="flex:1 1 320px;max-width:560px;line-height:1.4">{rows}</div></div>'
    )


def _row(name: str, value: float) -> str:
    return (
        f'<div style="display:flex;justify-content:space-between;gap:12px"><span>{escape(name)}</span>'
        f'<span style="color:{MUTED}">{value:.1%}</span></div>'
        f'<div style="background:{FAINT};border-radius:4px;margin-bottom:9px">'
        f'<div style="background:{TEXT_COLOR};border-radius:4px;height:9px;width:{100 * value:.1f}%"></div></div>'
    )
