"""Notebook 19 in a browser: its three widgets answer to each of their controls."""

from collections.abc import Callable

import pytest

from tests.browser.conftest import NotebookPage
from tests.browser.controls import drag, image_of


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
