"""Notebook 11 in a browser: a training scrubbed, a cone moved, points hovered and boxed, two models compared."""

from collections.abc import Callable

import pytest

from tests.browser.conftest import NotebookPage
from tests.browser.controls import drag, image_of

# The number of the first point of a map that no other one covers.
ON_TOP = """map => [...map.querySelectorAll("i[data-n]")].find(point => {
    const at = point.getBoundingClientRect();
    return document.elementFromPoint(at.x + at.width / 2, at.y + at.height / 2) === point;
}).dataset.n"""


@pytest.mark.browser
@pytest.mark.slow
def test_the_map_of_the_space_is_played_with(open_notebook: Callable[..., NotebookPage]) -> None:
    notebook = open_notebook("11_embedding_map", only=["film-player", "gap-board", "map-explorer", "two-models"])
    notebook.run_all(timeout=1200)
    assert notebook.problems() == []

    film = notebook.panel.locator(".explore-film").first
    film.scroll_into_view_if_needed()
    before = image_of(film)
    notebook.screenshot("11_film_first")
    drag(notebook, film.locator(".widget-hslider").first, 1.0)
    notebook.wait_until(lambda: image_of(film) != before, "another frame of the film")
    notebook.screenshot("11_film_last")

    board = notebook.panel.locator(".kit-gap").first
    board.scroll_into_view_if_needed()
    frame, amount = board.locator(".widget-hslider").nth(0), board.locator(".widget-hslider").nth(1)
    first = image_of(board)
    notebook.screenshot("11_gap_last")
    drag(notebook, frame, 0.0)
    notebook.wait_until(lambda: image_of(board) != first, "the first moment on the gap board")
    still = image_of(board)
    notebook.screenshot("11_gap_first")
    drag(notebook, amount, 0.7)
    notebook.wait_until(lambda: image_of(board) != still, "moved captions")
    notebook.screenshot("11_gap_moved")

    space = notebook.panel.locator(".kit-map").first
    space.scroll_into_view_if_needed()
    notebook.page.wait_for_timeout(1000)
    point = space.locator(f'i[data-n="{space.evaluate(ON_TOP)}"]')
    point.hover(force=True)
    card = "i => { const s = getComputedStyle(i, '::after'); return s.display + ' ' + s.content; }"
    notebook.wait_until(lambda: point.evaluate(card).startswith("block"), "the card of a point")
    notebook.screenshot("11_map_hovered")
    notebook.page.mouse.down()
    notebook.page.mouse.up()
    notebook.wait_until(lambda: "of pair" in space.inner_text(), "the neighbors of a point")
    surface = space.locator(".kit-surface").bounding_box()
    assert surface
    x, y = surface["x"], surface["y"]
    notebook.page.mouse.move(x + 8, y + 8)
    notebook.page.mouse.down()
    notebook.page.mouse.move(x + 0.3 * surface["width"], y + 0.4 * surface["height"], steps=6)
    notebook.page.mouse.up()
    notebook.wait_until(lambda: "In the box:" in space.inner_text(), "a list of what is in the box")
    notebook.page.wait_for_timeout(1000)
    notebook.screenshot("11_map_boxed")

    both = notebook.panel.locator(".kit-compare").first
    both.scroll_into_view_if_needed()
    told = both.inner_text()
    notebook.type_over(both.locator(".widget-text input").first, "three stars on blue")
    notebook.wait_until(lambda: both.inner_text() != told, "what both models find for other words")
    notebook.page.wait_for_timeout(1000)
    notebook.screenshot("11_two_models")
    assert notebook.problems() == []
