"""Notebook 19 in a browser: its three widgets answer to each of their controls."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator

from tests.browser.conftest import IDLE, NotebookPage


@pytest.mark.browser
@pytest.mark.slow
def test_the_widgets_answer_to_their_controls(open_notebook: Callable[..., NotebookPage]) -> None:
    notebook = open_notebook("19_flamingo", only=["gate-board", "mask-board", "shots-board"])
    notebook.run_all(timeout=900)
    assert notebook.problems() == []

    mask = notebook.panel.locator(".explore-mask_editor")
    mask.scroll_into_view_if_needed()
    notebook.screenshot("19_mask")
    shown = [image_of(mask)]
    mask.locator("select").select_option(label="all")
    notebook.wait_until(lambda: image_of(mask) not in shown, "another figure for all images", timeout=120)
    shown.append(image_of(mask))
    notebook.type_over(mask.locator("input[type=text]"), "a text of <image> my own <image>")
    notebook.wait_until(lambda: image_of(mask) not in shown, "another figure for another text", timeout=120)
    notebook.screenshot("19_mask_typed")

    gates = notebook.panel.locator(".explore-gates_at")
    gates.scroll_into_view_if_needed()
    notebook.screenshot("19_gates")
    shown = [image_of(gates)]
    drag(notebook, gates.locator(".widget-hslider").first, 0.9)
    notebook.wait_until(lambda: image_of(gates) not in shown, "another figure for a later step", timeout=120)
    shown.append(image_of(gates))
    gates.locator("select").select_option(label="yours")
    notebook.wait_until(lambda: image_of(gates) not in shown, "another figure for another training", timeout=120)

    shots = notebook.panel.locator(".explore-ask")
    shots.scroll_into_view_if_needed()
    notebook.screenshot("19_shots")
    shown = [image_of(shots)]
    for number, label in enumerate(("number", "flipped")):
        shots.locator("select").nth(number).select_option(label=label)
        notebook.wait_until(lambda: image_of(shots) not in shown, f"another figure for {label}", timeout=120)
        shown.append(image_of(shots))
    for slider, share in ((0, 1.0), (1, 0.5)):  # shots, episode
        drag(notebook, shots.locator(".widget-hslider").nth(slider), share)
        notebook.wait_until(lambda: image_of(shots) not in shown, f"another figure for slider {slider}", timeout=120)
        shown.append(image_of(shots))
    notebook.screenshot("19_shots_turned")
    assert notebook.problems() == []


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
