"""Notebook 21 in a browser: the film answers to its step and its settings, and an automaton to another hole."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator

from tests.browser.conftest import IDLE, NotebookPage


@pytest.mark.browser
@pytest.mark.slow
def test_the_film_and_the_hole_answer_to_their_controls(open_notebook: Callable[..., NotebookPage]) -> None:
    notebook = open_notebook("21_guidance", only=["film", "regrow"])
    notebook.run_all(timeout=900)
    assert notebook.problems() == []

    def changed(board: Locator, turn: Callable[[], None], name: str) -> None:
        image = board.locator("img").first
        before = image.get_attribute("src")
        turn()
        notebook.wait_until(lambda: image.get_attribute("src") != before, name, timeout=300)
        notebook.wait_until(lambda: notebook.panel.locator(IDLE).count() == 1, "the kernel at rest", timeout=300)
        board.scroll_into_view_if_needed()
        notebook.screenshot(f"21_{name}")

    def left(board: Locator) -> None:
        handle = board.locator(".noUi-handle").last
        handle.focus()
        for _ in range(4):
            handle.press("ArrowLeft")

    for name, place, option in (("film", 1, "pixels"), ("damage_and_regrow", 0, "fire")):
        board = notebook.panel.locator(f".explore-{name}")
        board.scroll_into_view_if_needed()
        changed(board, lambda board=board: left(board), f"{name}_step")  # type: ignore[misc]
        menu = board.locator("select").nth(place)
        changed(board, lambda menu=menu, option=option: menu.select_option(option), f"{name}_{option}")  # type: ignore[misc]
    assert notebook.problems() == []
