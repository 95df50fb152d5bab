"""Notebook 09 in a browser: classes are typed, and the confusion grid changes without an error anywhere."""

from collections.abc import Callable

import pytest

from tests.browser.conftest import NotebookPage


def fill(notebook: NotebookPage, place: int, words: str) -> None:
    """Type words over those in one of the text boxes of the prompt lab."""
    notebook.type_over(notebook.panel.locator(".explore-prompt_lab .widget-text input").nth(place), words)


@pytest.mark.browser
@pytest.mark.slow
def test_typed_classes_change_the_confusion_grid(open_notebook: Callable[..., NotebookPage]) -> None:
    notebook = open_notebook("09_zero_shot", only=["prompt-lab"])
    notebook.run_all(timeout=1200)
    assert notebook.problems() == []

    lab = notebook.panel.locator(".explore-prompt_lab").first
    lab.scroll_into_view_if_needed()
    grid = lab.locator(".prompt-lab-grid")
    first = grid.inner_text()
    assert "rocket" in first and "right, where the true word was typed" in first
    notebook.screenshot("09_prompt_lab_first")

    fill(notebook, 0, "kitty, dog, owl, a vehicle, food")
    notebook.wait_until(lambda: "food" in grid.inner_text(), "a grid of the classes that were typed")
    second = grid.inner_text()
    assert second != first and "40 right" in second
    notebook.screenshot("09_prompt_lab_typed")

    fill(notebook, 1, "itap of a {}.")
    notebook.wait_until(lambda: grid.inner_text() != second, "another grid with another template")
    notebook.screenshot("09_prompt_lab_itap")

    fill(notebook, 0, "cat")
    message = lab.locator(".prompt-lab-message")
    notebook.wait_until(lambda: "leaves nothing to choose" in message.inner_text(), "a sentence instead of a grid")
    fill(notebook, 0, "cat, dog")
    notebook.wait_until(lambda: grid.count() == 1, "the grid again")
    assert notebook.problems() == []
