"""Notebook 22 in a browser: both widgets answer to each of their controls."""

from collections.abc import Callable

import pytest

from tests.browser.conftest import NotebookPage
from tests.browser.controls import drag, image_of


@pytest.mark.browser
@pytest.mark.slow
def test_the_widgets_answer_to_their_controls(open_notebook: Callable[..., NotebookPage]) -> None:
    notebook = open_notebook("22_text_to_image", only=["draw-board", "film-board"])
    notebook.run_all(timeout=900)
    assert notebook.problems() == []

    board = notebook.panel.locator(".explore-draw")
    board.scroll_into_view_if_needed()
    notebook.screenshot("22_draw")
    shown = [image_of(board)]
    for slider, share in ((0, 0.8), (1, 0.05), (2, 0.5)):  # guidance, steps, seed
        drag(notebook, board.locator(".widget-hslider").nth(slider), share)
        notebook.wait_until(lambda: image_of(board) not in shown, f"another figure for slider {slider}", timeout=120)
        shown.append(image_of(board))
    notebook.type_over(board.locator("input[type=text]"), "a star on a black background")
    notebook.wait_until(lambda: image_of(board) not in shown, "another figure for another caption", timeout=120)
    notebook.screenshot("22_draw_turned")

    film = notebook.panel.locator(".explore-film")
    film.scroll_into_view_if_needed()
    notebook.screenshot("22_film")
    shown = [image_of(film)]
    for slider, share in ((2, 0.9), (0, 0.6), (1, 0.5)):  # frame, guidance, seed
        drag(notebook, film.locator(".widget-hslider").nth(slider), share)
        notebook.wait_until(lambda: image_of(film) not in shown, f"another figure for slider {slider}", timeout=120)
        shown.append(image_of(film))
    notebook.type_over(film.locator("input[type=text]"), "two tiny words")
    notebook.wait_until(lambda: image_of(film) not in shown, "another figure for another caption", timeout=120)
    notebook.screenshot("22_film_turned")
    assert notebook.problems() == []
