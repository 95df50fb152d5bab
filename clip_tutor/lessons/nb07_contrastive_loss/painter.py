"""A table of cells to press, between captions and images: the control of a widget that asks who fits whom.

          🖼  🖼  🖼
caption   ■  □  □        `.value` holds the painted cells, ((row, column), …); the diagonal is painted from the
caption   □  ■  ▣        start and stays so, without being in it
caption   □  □  ■
"""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import ipywidgets
import torch
import traitlets
from torch import Tensor

from clip_tutor.lab.widgets.gallery import data_address

CELL = 46  # pixels
Cells = tuple[tuple[int, int], ...]


class PaintTable(ipywidgets.GridBox):
    """N × N toggles. ``explore(draw, painted=PaintTable(images, captions))`` calls ``draw(painted=cells)``."""

    value = traitlets.Tuple()

    def __init__(self, images: Sequence[Any], captions: Sequence[str]) -> None:
        N = len(captions)
        self.toggles: dict[tuple[int, int], ipywidgets.ToggleButton] = {}
        self._pressing = False
        children: list[ipywidgets.Widget] = [ipywidgets.HTML()]
        for image, caption in zip(images, captions, strict=True):
            children.append(
                ipywidgets.HTML(f'<img src="{data_address(image)}" alt="{escape(caption)}" width="{CELL}">')
            )
        for row, caption in enumerate(captions):
            children.append(ipywidgets.HTML(f'<div style="text-align:right;line-height:1.3">{escape(caption)}</div>'))
            children += [self._cell(row, column) for column in range(N)]
        columns = f"290px repeat({N}, {CELL + 6}px)"
        super().__init__(
            children, layout={"grid_template_columns": columns, "grid_gap": "2px", "align_items": "center"}
        )
        self.add_class("paint-table")
        self.observe(self._show, names="value")

    def _cell(self, row: int, column: int) -> ipywidgets.ToggleButton:
        own = row == column
        cell = ipywidgets.ToggleButton(
            value=own,
            disabled=own,
            description="own" if own else "",
            tooltip=f"caption {row + 1}, image {column + 1}",
            layout={"width": f"{CELL}px", "height": "30px", "padding": "0", "margin": "0"},
        )
        if not own:
            self.toggles[row, column] = cell
            cell.observe(self._read, names="value")
        return cell

    def _read(self, _: Any) -> None:
        """Take the value from what is pressed."""
        if not self._pressing:
            self.value = tuple(place for place, toggle in self.toggles.items() if toggle.value)

    def _show(self, _: Any) -> None:
        """Press what the value says."""
        self._pressing = True
        for place, toggle in self.toggles.items():
            toggle.value = place in self.value
            toggle.description = "fits" if toggle.value else ""
        self._pressing = False


def as_table(painted: Iterable[tuple[int, int]], N: int) -> Tensor:
    """Return the painted cells as (N, N) truth values."""
    table = torch.zeros(N, N, dtype=torch.bool)
    for row, column in painted:
        table[row, column] = True
    return table


def as_cells(table: Tensor) -> Cells:
    """Return the cells off the diagonal that are true in (N, N), as `PaintTable.value` has them."""
    return tuple((m, n) for m, n in table.nonzero().tolist() if m != n)
