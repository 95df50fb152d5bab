"""Notebook 22 in a browser: the widgets answer to each of their controls."""

from collections.abc import Callable

import pytest

from clip_tutor.lessons.nb22_text_to_image.embeddings import ARC
from tests.browser.conftest import NotebookPage
from tests.browser.controls import drag, image_of


@pytest.mark.browser
@pytest.mark.slow
def test_the_widgets_answer_to_their_controls(open_notebook: Callable[..., NotebookPage]) -> None:
    notebook = open_notebook("22_text_to_image", only=["draw-board", "film-board", "three-board", "turn-board"])
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

    three = notebook.panel.locator(".explore-three")
    three.scroll_into_view_if_needed()
    notebook.screenshot("22_three")
    shown = [image_of(three)]
    for slider, share in ((0, 0.9), (1, 0.5)):  # guidance, seed
        drag(notebook, three.locator(".widget-hslider").nth(slider), share)
        notebook.wait_until(lambda: image_of(three) not in shown, f"another figure for slider {slider}", timeout=120)
        shown.append(image_of(three))
    notebook.type_over(three.locator("input[type=text]"), "a star on a black background")
    notebook.wait_until(lambda: image_of(three) not in shown, "another figure for another caption", timeout=120)
    notebook.screenshot("22_three_turned")

    turn = notebook.panel.locator(".explore-turn")
    turn.scroll_into_view_if_needed()
    notebook.screenshot("22_turn")
    shown = [image_of(turn)]
    for slider, share in ((0, 0.5), (1, 0.7), (2, 0.5)):  # number, share, seed
        drag(notebook, turn.locator(".widget-hslider").nth(slider), share)
        notebook.wait_until(lambda: image_of(turn) not in shown, f"another figure for slider {slider}", timeout=120)
        shown.append(image_of(turn))
    turn.locator("select").select_option(label=ARC)
    notebook.wait_until(lambda: image_of(turn) not in shown, "another figure for the other way", timeout=120)
    shown.append(image_of(turn))
    notebook.type_over(turn.locator("input[type=text]"), "a huge frog on a white background")
    notebook.wait_until(lambda: image_of(turn) not in shown, "another figure for another text", timeout=120)
    notebook.screenshot("22_turn_turned")
    assert notebook.problems() == []
