"""Notebook 15 in a browser: the row of filters answers to each of its thresholds."""

from collections.abc import Callable

import pytest

from tests.browser.conftest import NotebookPage


@pytest.mark.browser
@pytest.mark.slow
def test_the_filters_answer_to_their_thresholds(open_notebook: Callable[..., NotebookPage]) -> None:
    notebook = open_notebook("15_learning_from_noise", only=["board"])
    notebook.run_all()
    assert notebook.problems() == []

    board = notebook.panel.locator(".explore-board")
    image = board.locator("img").first

    def shown() -> str:
        return image.get_attribute("src") or ""

    seen = [shown()]
    board.scroll_into_view_if_needed()
    notebook.screenshot("15_learning_from_noise_board")
    for menu, choice in ((1, "10"), (0, "0.75")):
        board.locator("select").nth(menu).select_option(label=choice)
        notebook.wait_until(lambda: shown() not in seen, f"another figure for {choice}")
        seen.append(shown())
    for slider in (0, 1):
        handle = board.get_by_role("slider").nth(slider)
        handle.focus()
        handle.press("ArrowRight")
        notebook.wait_until(lambda: shown() not in seen, f"another figure for slider {slider}")
        seen.append(shown())
    notebook.screenshot("15_learning_from_noise_closed")
    assert notebook.problems() == []
