"""Notebook 14 in a browser: the probe's board answers to each of its controls."""

from collections.abc import Callable

import pytest

from tests.browser.conftest import NotebookPage


@pytest.mark.browser
@pytest.mark.slow
def test_the_probe_answers_to_its_controls(open_notebook: Callable[..., NotebookPage]) -> None:
    notebook = open_notebook("14_featurizer", only=["board"])
    notebook.run_all()
    assert notebook.problems() == []

    board = notebook.panel.locator(".explore-board")
    image = board.locator("img").first

    def shown() -> str:
        return image.get_attribute("src") or ""

    seen = [shown()]
    board.scroll_into_view_if_needed()
    notebook.screenshot("14_featurizer_board")
    for menu, choice in ((1, "untrained encoder"), (0, "quarters"), (2, "1")):
        board.locator("select").nth(menu).select_option(label=choice)
        notebook.wait_until(lambda: shown() not in seen, f"another figure for {choice}")
        seen.append(shown())
    board.locator("input[type=checkbox]").check()
    notebook.wait_until(lambda: shown() not in seen, "another figure for shuffled labels")
    notebook.screenshot("14_featurizer_shuffled")
    assert notebook.problems() == []
