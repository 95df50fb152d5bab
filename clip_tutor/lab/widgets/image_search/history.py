"""All queries so far, in a menu, and a button that goes back by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets

from clip_tutor.lab.widgets.image_search.query import Query

REMEMBERED = 30  # queries


class HistoryBar(ipywidgets.Box):
    """`.queries` holds them, the oldest first; `.menu` shows the latest on top.

    Args:
        on_return: called with the query that the reader goes back to.
    """

    def __init__(self, on_return: Callable[[Query], None]) -> None:
        self.queries: list[Query] = []
        self._on_return, self._filling = on_return, False
        self.back = ipywidgets.Button(description="← Back", disabled=True, layout={"width": "auto"})
        self.back.on_click(self._on_back)
        self.menu = ipywidgets.Dropdown(
            description="History", disabled=True, style={"description_width": "initial"}, layout={"width": "auto"}
        )
        self.menu.add_class("kit-history")
        self.menu.observe(self._on_choice, names="value")
        super().__init__([self.back, self.menu])
        self.add_class("kit-row")

    def remember(self, query: Query) -> None:
        """Add a query; one that asks for the same as the last, but for more or with other weights, takes its place."""
        if self.queries and not query.differs_in_more_than_amounts(self.queries[-1]):
            self.queries[-1] = query
        else:
            self.queries = [*self.queries, query][-REMEMBERED:]
        self._show(len(self.queries) - 1)

    def _show(self, place: int) -> None:
        self._filling = True
        try:
            latest_first = range(len(self.queries) - 1, -1, -1)
            self.menu.options = [(f"{n + 1}. {self.queries[n].label}", n) for n in latest_first]
            self.menu.value = place
        finally:
            self._filling = False
        self.menu.disabled = len(self.queries) < 2
        self.back.disabled = place < 1

    def _on_back(self, _: Any) -> None:
        if self.menu.value:  # neither none nor the first
            self._go_to(self.menu.value - 1)

    def _on_choice(self, change: Any) -> None:
        if not self._filling and change["new"] is not None:
            self._go_to(change["new"])

    def _go_to(self, place: int) -> None:
        self._show(place)
        self._on_return(self.queries[place])
