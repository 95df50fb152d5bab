"""Notebook 20 in a browser: the rating board learns from clicks, and the nudged search answers to its slider."""

from collections.abc import Callable

import pytest

from tests.browser.conftest import IDLE, NotebookPage


@pytest.mark.browser
@pytest.mark.slow
def test_the_board_learns_from_clicks(open_notebook: Callable[..., NotebookPage]) -> None:
    notebook = open_notebook("20_aesthetics", only=["board", "nudge-board"])
    notebook.run_all(timeout=900)
    assert notebook.problems() == []

    board = notebook.panel.locator(".explore-board")
    board.scroll_into_view_if_needed()
    tiles = board.locator(".rating-table .widget-toggle-buttons")
    assert tiles.count() == 20
    assert board.locator("button.mod-active").count() == 0, "nothing is pressed when it opens"
    notebook.wait_until(lambda: "0 of 20 images are rated" in board.inner_text(), "the number that is missing")
    notebook.screenshot("20_board")
    for n in range(20):
        tiles.nth(n).locator("button").nth(4 if n % 3 else 0).click()
        if n == 4:
            notebook.wait_until(lambda: "5 of 20 images are rated" in board.inner_text(), "five ratings counted")
    notebook.wait_until(lambda: "20 ratings." in board.inner_text(), "a head that has learned", timeout=120)
    assert "Liked most" in board.inner_text() and "pairs" in board.inner_text()
    notebook.screenshot("20_board_rated")
    before = board.inner_text()
    tiles.nth(0).locator("button").nth(3).click()
    notebook.wait_until(lambda: board.inner_text() != before, "another head after another click", timeout=120)

    nudged = notebook.panel.locator(".explore-nudged")
    nudged.scroll_into_view_if_needed()
    before = nudged.inner_text()
    slider = nudged.locator(".widget-hslider").first
    handle, track = slider.locator(".noUi-handle").first.bounding_box(), slider.locator(".noUi-target").bounding_box()
    assert handle and track
    notebook.page.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
    notebook.page.mouse.down()
    notebook.page.mouse.move(track["x"] + track["width"], track["y"] + track["height"] / 2, steps=8)
    notebook.page.mouse.up()
    notebook.wait_until(lambda: nudged.inner_text() != before, "other images at another weight", timeout=120)
    words = nudged.locator(".widget-text input")
    words.fill("a penguin")
    words.press("Enter")
    notebook.wait_until(lambda: notebook.panel.locator(IDLE).count() == 1, "the kernel at rest", timeout=120)
    notebook.screenshot("20_nudged")
    assert notebook.problems() == []
