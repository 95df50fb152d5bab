"""The first notebook in a browser: it runs, and the search box finds other pictures for other words."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator

from tests.browser.conftest import NotebookPage

# What each picture shows, not its address: a widget gives the same picture a new address each time.
# "" while a picture is still loading, or is broken.
PIXELS = """pictures => pictures.map(picture => {
    if (!picture.complete || !picture.naturalWidth) return "";
    const canvas = document.createElement("canvas");
    canvas.width = picture.naturalWidth;
    canvas.height = picture.naturalHeight;
    canvas.getContext("2d").drawImage(picture, 0, 0);
    return canvas.toDataURL();
})"""


def pictures(box: Locator) -> list[str]:
    return box.locator("img").evaluate_all(PIXELS)


def search_for(words: str, box: Locator, notebook: NotebookPage) -> None:
    """Type words over the old ones and wait until the box shows other pictures, all of them whole."""
    before = pictures(box)
    text = box.locator(".widget-text input").first
    text.click()
    text.press("ControlOrMeta+A")
    text.press_sequentially(words, delay=20)
    text.press("Enter")
    notebook.wait_until(lambda: pictures(box) != before and all(pictures(box)), f"other pictures for {words!r}")


@pytest.mark.browser
@pytest.mark.slow
def test_searching_finds_other_pictures(open_notebook: Callable[..., NotebookPage]) -> None:
    notebook = open_notebook("00_start_here")
    notebook.run_all()
    assert notebook.problems() == []

    box = notebook.panel.locator(".kit-search").first
    box.scroll_into_view_if_needed()
    first_words = box.locator(".widget-text input").first.input_value()
    first = pictures(box)
    assert first and all(first), f"the search box shows {len(first)} pictures for {first_words!r}, some of them broken"

    search_for("three cats", box, notebook)
    notebook.screenshot("00_start_here_three_cats")
    search_for("a red car", box, notebook)
    notebook.screenshot("00_start_here_a_red_car")
    search_for(first_words, box, notebook)
    notebook.wait_until(lambda: pictures(box) == first, f"the first pictures again for {first_words!r}")

    notebook.screenshot("00_start_here", whole=True)
    assert notebook.problems() == []
