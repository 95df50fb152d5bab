"""Notebook 02 in a browser: the merges play like a film, and the counter answers with each key stroke."""

from collections.abc import Callable

import pytest

from tests.browser.conftest import NotebookPage


@pytest.mark.browser
@pytest.mark.slow
def test_merges_play_and_the_counter_counts(open_notebook: Callable[..., NotebookPage]) -> None:
    notebook = open_notebook("02_tokenizer")
    notebook.run_all()
    assert notebook.problems() == []

    board = notebook.panel.locator(".explore-board")
    assert "no merge yet" in board.inner_text()
    notebook.panel.locator(".widget-play button").first.click()
    notebook.wait_until(lambda: "merge 3: c + a" in board.inner_text(), "the third merge, by itself")
    notebook.panel.locator(".widget-play button").first.click()  # pause
    notebook.screenshot("02_tokenizer_board")

    counter = notebook.panel.locator(".explore-counter")
    text = counter.locator("input").first
    for words, said in (("1,234,567", "9 tokens"), ("", "an empty caption"), ("cat " * 80, "5 too many")):
        text.fill(words)
        notebook.wait_until(lambda: said in counter.inner_text(), f"{said!r} for {words!r}")  # noqa: B023
    notebook.screenshot("02_tokenizer_counter")
    assert notebook.problems() == []
