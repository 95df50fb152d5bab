"""What the tests of widgets do with a mouse, and what they see."""

from playwright.sync_api import Locator

from tests.browser.conftest import IDLE, NotebookPage


def image_of(widget: Locator) -> str:
    return widget.locator("img").first.get_attribute("src") or ""


def drag(notebook: NotebookPage, slider: Locator, share: float) -> None:
    """Take the handle of a slider and let it go at this share of the track."""
    slider.scroll_into_view_if_needed()
    handle, track = slider.locator(".noUi-handle").first.bounding_box(), slider.locator(".noUi-target").bounding_box()
    assert handle and track
    mouse = notebook.page.mouse
    mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
    mouse.down()
    mouse.move(track["x"] + share * track["width"], track["y"] + track["height"] / 2, steps=8)
    mouse.up()
    notebook.page.wait_for_timeout(500)
    notebook.wait_until(lambda: notebook.panel.locator(IDLE).count() == 1, "the kernel at rest", timeout=120)
