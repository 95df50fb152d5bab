"""Notebook 18 in a browser: both widgets answer to each of their controls."""

from collections.abc import Callable

import pytest

from tests.browser.conftest import NotebookPage
from tests.browser.controls import drag, image_of


@pytest.mark.browser
@pytest.mark.slow
def test_the_widgets_answer_to_their_controls(open_notebook: Callable[..., NotebookPage]) -> None:
    notebook = open_notebook("18_captioning", only=["board", "edit"])
    notebook.run_all(timeout=900)
    assert notebook.problems() == []

    board = notebook.panel.locator(".explore-board")
    board.scroll_into_view_if_needed()
    notebook.screenshot("18_board")
    shown = [image_of(board)]
    for slider, share in ((0, 0.9), (3, 1.0), (4, 1.0), (1, 0.0), (2, 1.0)):
        # image, temperature, p, own vectors, beams
        drag(notebook, board.locator(".widget-hslider").nth(slider), share)
        notebook.wait_until(lambda: image_of(board) not in shown, f"another figure for slider {slider}", timeout=120)
        shown.append(image_of(board))
    notebook.screenshot("18_board_turned")

    edit = notebook.panel.locator(".explore-edit")
    edit.scroll_into_view_if_needed()
    notebook.screenshot("18_edit")
    shown = [image_of(edit)]
    for slider, share in ((0, 0.3), (1, 0.7), (2, 0.6)):  # first, second, strength
        drag(notebook, edit.locator(".widget-hslider").nth(slider), share)
        notebook.wait_until(lambda: image_of(edit) not in shown, f"another figure for slider {slider}", timeout=120)
        shown.append(image_of(edit))
    edit.locator("select").select_option(label="white")
    notebook.wait_until(lambda: image_of(edit) not in shown, "another figure for another background", timeout=120)
    notebook.screenshot("18_edit_turned")
    assert notebook.problems() == []
