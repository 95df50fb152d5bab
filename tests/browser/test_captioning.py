"""Notebook 18 in a browser: both widgets answer to each of their controls."""

from collections.abc import Callable

import pytest

from tests.browser.conftest import NotebookPage
from tests.browser.controls import turn_all


@pytest.mark.browser
@pytest.mark.slow
def test_the_widgets_answer_to_their_controls(open_notebook: Callable[..., NotebookPage]) -> None:
    notebook = open_notebook("18_captioning", only=["board", "edit"])
    notebook.run_all(timeout=900)
    assert notebook.problems() == []
    # image, temperature, p, own vectors, beams
    turn_all(notebook, "18_board", sliders=[(0, 0.9), (3, 1.0), (4, 1.0), (1, 0.0), (2, 1.0)])
    # first, second, strength
    turn_all(notebook, "18_edit", sliders=[(0, 0.3), (1, 0.7), (2, 0.6)], menus=[(0, "white")])
    assert notebook.problems() == []
