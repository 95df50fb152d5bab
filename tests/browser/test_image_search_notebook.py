"""Notebook 10 in a browser: the board of inverted lists answers, and the search page finds and goes back."""

from collections.abc import Callable

import pytest

from tests.browser.conftest import NotebookPage


def fill(notebook: NotebookPage, where: str, words: str) -> None:
    """Type words over those in the first text box of a widget."""
    notebook.type_over(notebook.panel.locator(f"{where} .widget-text input").first, words)


@pytest.mark.browser
@pytest.mark.slow
def test_the_board_answers_and_the_search_page_finds(open_notebook: Callable[..., NotebookPage]) -> None:
    notebook = open_notebook("10_image_search", only=["lists-board", "search-page"])
    notebook.run_all(timeout=1200)
    assert notebook.problems() == []

    board = notebook.panel.locator(".explore-lists_board").first
    board.scroll_into_view_if_needed()
    image = board.locator("img").first
    first = image.get_attribute("src")
    notebook.screenshot("10_board_first")
    fill(notebook, ".explore-lists_board", "a pizza")
    notebook.wait_until(lambda: image.get_attribute("src") != first, "another board for other words", 120)
    second = image.get_attribute("src")
    board.locator("select").first.select_option("the image that comes first")
    notebook.wait_until(lambda: image.get_attribute("src") != second, "another board for an image as query", 120)
    notebook.screenshot("10_board_image")

    page = notebook.panel.locator(".kit-image-search").first
    page.scroll_into_view_if_needed()
    shown = page.locator(".kit-tile img")
    notebook.wait_until(lambda: shown.count() == 12, "twelve images at the start", 120)
    assert shown.first.get_attribute("alt")
    notebook.screenshot("10_search_first")
    before = shown.first.get_attribute("src")
    fill(notebook, ".kit-image-search", "two elephants")
    notebook.wait_until(lambda: "two elephants" in (shown.first.get_attribute("alt") or ""), "two elephants", 120)
    assert shown.first.get_attribute("src") != before
    notebook.screenshot("10_search_typed")
    page.locator(".kit-more").nth(1).click()
    notebook.wait_until(lambda: "the image you search with" in page.inner_text(), "more like the second image", 120)
    notebook.screenshot("10_search_more_like")
    assert notebook.problems() == []
