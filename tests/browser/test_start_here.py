"""The first notebook in a browser: it runs, its search box finds other images for other words, one name is certain."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator

from tests.browser.conftest import NotebookPage

# What each image shows, not its address: a widget gives the same image a new address each time.
# "" while an image is still loading, or is broken.
PIXELS = """images => images.map(image => {
    if (!image.complete || !image.naturalWidth) return "";
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    canvas.getContext("2d").drawImage(image, 0, 0);
    return canvas.toDataURL();
})"""


def images(box: Locator) -> list[str]:
    return box.locator("img").evaluate_all(PIXELS)


def search_for(words: str, box: Locator, notebook: NotebookPage) -> None:
    """Type words over the old ones and wait until the box shows other images, all of them whole."""
    before = images(box)
    notebook.type_over(box.locator(".widget-text input").first, words)
    notebook.wait_until(lambda: images(box) != before and all(images(box)), f"other images for {words!r}")


@pytest.mark.browser
@pytest.mark.slow
def test_searching_finds_other_images(open_notebook: Callable[..., NotebookPage]) -> None:
    notebook = open_notebook("00_start_here")
    notebook.run_all()
    assert notebook.problems() == []

    box = notebook.panel.locator(".kit-search").first
    box.scroll_into_view_if_needed()
    first_words = box.locator(".widget-text input").first.input_value()
    first = images(box)
    assert first and all(first), f"the search box shows {len(first)} images for {first_words!r}, some of them broken"

    search_for("three cats", box, notebook)
    notebook.screenshot("00_start_here_three_cats")
    search_for("a red car", box, notebook)
    notebook.screenshot("00_start_here_a_red_car")
    search_for(first_words, box, notebook)
    notebook.wait_until(lambda: images(box) == first, f"the first images again for {first_words!r}")

    names = notebook.panel.locator(".explore-name_it").first
    notebook.type_over(names.locator(".widget-text input").first, "car")
    notebook.wait_until(lambda: "100.0%" in names.inner_text(), "certainty, with a single name")
    notebook.screenshot("00_start_here_a_single_name")

    notebook.screenshot("00_start_here", whole=True)
    assert notebook.problems() == []
