"""Notebook 23 in a browser: a teacher's pace, hidden patches, a packed image, and a patch that is clicked."""

from collections.abc import Callable

import pytest

from tests.browser.conftest import NotebookPage
from tests.browser.controls import drag, image_of, turn_all

SLIDERS = {"following": (0.2, 0.9), "hidden": (0.9, 0.5), "packing": (0.1, 0.9)}


@pytest.mark.browser
@pytest.mark.slow
def test_the_widgets_answer_to_their_controls(open_notebook: Callable[..., NotebookPage]) -> None:
    boards = ["following-board", "hidden-board", "packing-board", "alike-board"]
    notebook = open_notebook("23_siglip2", only=boards)
    notebook.run_all(timeout=900)
    assert notebook.problems() == []

    for name, shares in SLIDERS.items():
        turn_all(notebook, f"23_{name}", sliders=list(enumerate(shares)))

    board = notebook.panel.locator(".explore-alike")
    board.scroll_into_view_if_needed()
    notebook.screenshot("23_alike")
    shown = [image_of(board)]
    board.locator(".widget-toggle-button").nth(8).click()
    notebook.wait_until(lambda: image_of(board) not in shown, "another patch", timeout=120)
    shown.append(image_of(board))
    drag(notebook, board.locator(".widget-hslider").first, 0.6)
    notebook.wait_until(lambda: image_of(board) not in shown, "another image", timeout=120)
    notebook.screenshot("23_alike_clicked")
    assert notebook.problems() == []
