"""What the tests of widgets do with a mouse, and what they see."""

from collections.abc import Sequence

from playwright.sync_api import Locator

from tests.browser.conftest import IDLE, NotebookPage


def image_of(widget: Locator) -> str:
    return widget.locator("img:visible").first.get_attribute("src") or ""


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


def turn_all(
    notebook: NotebookPage,
    name: str,
    *,
    sliders: Sequence[tuple[int, float]] = (),
    menus: Sequence[tuple[int, str]] = (),
    text: str = "",
) -> None:
    """Drag, choose and type, one after the other: every time the widget has to show an image that it has not shown yet.

    Args:
        name: of the screenshots, such as ``22_draw`` for the function ``draw`` in notebook 22.
        sliders: which one, and the share of its track.
        menus: which one, and the choice.
        text: what is typed.
    """
    widget = notebook.panel.locator(f".explore-{name.partition('_')[2]}")
    widget.scroll_into_view_if_needed()
    notebook.screenshot(name)
    shown = [image_of(widget)]

    def look(turned: str) -> None:
        notebook.wait_until(lambda: image_of(widget) not in shown, f"another image after {turned} of {name}", 120)
        shown.append(image_of(widget))

    for number, share in sliders:
        drag(notebook, widget.locator(".widget-hslider").nth(number), share)
        look(f"slider {number}")
    for number, label in menus:
        widget.locator("select").nth(number).select_option(label=label)
        look(label)
    if text:
        notebook.type_over(widget.locator("input[type=text]"), text)
        look(text)
    notebook.screenshot(f"{name}_turned")
