"""Notebook 16 in a browser: the threshold and the least count are moved, and the figures say what became of it."""

from collections.abc import Callable

import pytest

from tests.browser.conftest import NotebookPage


@pytest.mark.browser
@pytest.mark.slow
def test_thresholds_move_both_boards(open_notebook: Callable[..., NotebookPage]) -> None:
    notebook = open_notebook("16_web_image_text", only=["bigram-map", "balance-board"])
    notebook.run_all(timeout=1200)
    assert notebook.problems() == []

    for name in ("bigram_map", "balance_board"):
        board = notebook.panel.locator(f".explore-{name}").first
        board.scroll_into_view_if_needed()
        image = board.locator("img")
        first = image.get_attribute("src")
        notebook.screenshot(f"16_{name}_first")
        if name == "bigram_map":
            handle = board.locator(".widget-hslider").last.locator(".noUi-handle")
            handle.focus()
            for _ in range(3):
                handle.press("ArrowRight")
        else:
            board.locator("select").select_option("4000")
        notebook.wait_until(lambda image=image, first=first: image.get_attribute("src") != first, "another figure")
        notebook.screenshot(f"16_{name}_moved")
    assert notebook.problems() == []
