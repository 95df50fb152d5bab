"""Notebook 19 in a browser: its three widgets answer to each of their controls."""

from collections.abc import Callable

import pytest

from tests.browser.conftest import NotebookPage
from tests.browser.controls import turn_all


@pytest.mark.browser
@pytest.mark.slow
def test_the_widgets_answer_to_their_controls(open_notebook: Callable[..., NotebookPage]) -> None:
    notebook = open_notebook("19_flamingo", only=["gate-board", "mask-board", "shots-board"])
    notebook.run_all(timeout=900)
    assert notebook.problems() == []
    turn_all(notebook, "19_mask_editor", menus=[(0, "all")], text="a text of <image> my own <image>")
    turn_all(notebook, "19_gates_at", sliders=[(0, 0.9)], menus=[(0, "yours")])
    # shots, episode
    turn_all(notebook, "19_ask", sliders=[(0, 1.0), (1, 0.5)], menus=[(0, "number"), (1, "flipped")])
    assert notebook.problems() == []
