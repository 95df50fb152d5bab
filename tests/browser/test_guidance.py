"""Notebook 21 in a browser: the film answers to its step and its settings, and an automaton heals another hole."""

from collections.abc import Callable

import pytest

from tests.browser.conftest import IDLE, NotebookPage


@pytest.mark.browser
@pytest.mark.slow
def test_the_film_and_the_hole_answer_to_their_controls(open_notebook: Callable[..., NotebookPage]) -> None:
    notebook = open_notebook("21_guidance", only=["film", "regrow"])
    notebook.run_all(timeout=900)
    assert notebook.problems() == []

    for name, control, option in (("film", "image of", "pixels"), ("damage_and_regrow", "automaton", "fire")):
        board = notebook.panel.locator(f".explore-{name}")
        board.scroll_into_view_if_needed()
        image = board.locator("img").first
        before = image.get_attribute("src")
        handle = board.locator(".noUi-handle").last
        handle.focus()
        for _ in range(4):
            handle.press("ArrowLeft")
        notebook.wait_until(lambda: image.get_attribute("src") != before, f"another image of {name}", 120)
        notebook.wait_until(lambda: notebook.panel.locator(IDLE).count() == 1, "the kernel at rest", timeout=120)
        notebook.screenshot(f"21_{name}")
        before = image.get_attribute("src")
        menu = board.locator(".widget-dropdown").filter(has_text=control).locator("select")
        menu.select_option(option)
        notebook.wait_until(lambda: image.get_attribute("src") != before, f"{option} in the {name}", timeout=300)
        notebook.wait_until(lambda: notebook.panel.locator(IDLE).count() == 1, "the kernel at rest", timeout=120)
        notebook.screenshot(f"21_{name}_{option}")
    assert notebook.problems() == []
