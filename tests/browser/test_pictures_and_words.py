"""Notebook 01 in a browser: pairs are paged through, and the board of copies follows its controls."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator

from tests.browser.conftest import NotebookPage


def choose(box: Locator, place: int, option: str) -> None:
    box.locator(".widget-dropdown select").nth(place).select_option(option)


@pytest.mark.browser
@pytest.mark.slow
def test_pairs_are_browsed_and_copies_are_looked_at(open_notebook: Callable[..., NotebookPage]) -> None:
    notebook = open_notebook("01_pictures_and_words", only=["browser", "copy-board"])
    notebook.run_all()
    assert notebook.problems() == []

    browse = notebook.panel.locator(".explore-browse")
    browse.scroll_into_view_if_needed()
    browse.locator(".widget-text input").first.fill("two cats")
    browse.locator(".widget-text input").first.press("Enter")
    notebook.wait_until(lambda: "have these words in a caption, page 1" in browse.inner_text(), "pairs with two cats")
    notebook.screenshot("01_pictures_and_words_browse")
    browse.locator(".widget-text input").first.fill("")
    browse.locator(".widget-text input").first.press("Enter")
    choose(browse, 0, "photographs")
    choose(browse, 1, "shortest caption first")
    notebook.wait_until(lambda: "18 pairs, page 1 of 2" in browse.inner_text(), "the photographs")
    browse.locator(".widget-readout").fill("2")
    browse.locator(".widget-readout").press("Enter")
    notebook.wait_until(lambda: "page 2 of 2" in browse.inner_text(), "their second page")
    notebook.screenshot("01_pictures_and_words_photographs")

    look = notebook.panel.locator(".explore-look")
    look.scroll_into_view_if_needed()
    for threshold, said in (("0", "largest group has 4 rows"), ("20", "83 rows")):
        look.locator(".widget-readout").fill(threshold)
        look.locator(".widget-readout").press("Enter")
        notebook.wait_until(lambda: said in look.inner_text(), said)  # noqa: B023
    notebook.screenshot("01_pictures_and_words_copies")
    choose(look, 0, "photographs")
    choose(look, 1, "difference hash (bits)")
    notebook.wait_until(lambda: "of the 18 rows" in look.inner_text(), "the photographs' copies")
    notebook.screenshot("01_pictures_and_words_stereo")
    assert notebook.problems() == []
