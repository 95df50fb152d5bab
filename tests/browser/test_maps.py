"""The widgets of maps, gaps and comparisons in a browser, on a page of their own: hovered, clicked, dragged."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.browser.conftest import NotebookPage

PAIRS = """
import torch
import clip_tutor as ct
from clip_tutor import lab
from clip_tutor.data.emoji import FIRST_WORDS, find_emoji
from clip_tutor.data.scenes import Scenes

device = lab.setup()
model, tokenizer, _ = ct.load("emoji")
pixels, captions, scenes = Scenes(find_emoji(FIRST_WORDS), "test", 64).batch(range(240))
images, groups = list(pixels), [scene.objects[0].group for scene in scenes]
image_features = ct.encode_images(model, pixels)
text_features = ct.encode_texts(model, tokenizer, captions)
"""
MAP = """
vectors = lab.layouts.joint(image_features, text_features)
layouts = {"PCA": lab.layouts.pca_layout(vectors), "shuffled": torch.rand(len(vectors), 2).numpy()}
lab.embedding_explorer(images, captions, image_features, text_features, layouts, {"group": groups})
"""


def notebook_of(folder: Path, *cells: str) -> Path:
    """Write a notebook that has nothing but these cells."""
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
    written = [
        {"cell_type": "code", "id": f"cell-{n}", "source": cell.strip(), "metadata": {}, "outputs": [],
         "execution_count": None}
        for n, cell in enumerate(cells)
    ]  # fmt: skip
    folder.mkdir()
    (folder / "page.ipynb").write_text(
        json.dumps({"cells": written, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})
    )
    return folder


@pytest.mark.browser
@pytest.mark.slow
def test_the_map_is_hovered_clicked_and_boxed(open_notebook: Callable[..., NotebookPage], tmp_path: Path) -> None:
    notebook = open_notebook("page", notebook_of(tmp_path / "notebooks", PAIRS, MAP))
    notebook.run_all()
    box = notebook.panel.locator(".kit-map")
    box.scroll_into_view_if_needed()
    notebook.page.wait_for_timeout(500)
    notebook.screenshot("map")

    point = box.locator('i[data-n="7"]')
    point.hover(force=True)
    card = "i => { const s = getComputedStyle(i, '::after'); return s.display + ' ' + s.content; }"
    notebook.wait_until(lambda: point.evaluate(card).startswith("block"), "the card of a point")
    notebook.screenshot("map_hovered")
    notebook.page.mouse.down()
    notebook.page.mouse.up()
    notebook.wait_until(lambda: "of pair" in box.inner_text(), "the card of neighbors")
    notebook.screenshot("map_clicked")
    surface = box.locator(".kit-surface").bounding_box()
    assert surface
    x, y = surface["x"], surface["y"]
    notebook.page.mouse.move(x + 8, y + 8)
    notebook.page.mouse.down()
    notebook.page.mouse.move(x + 200, y + 150, steps=5)
    notebook.page.mouse.move(x + 0.6 * surface["width"], y + 0.7 * surface["height"], steps=5)
    notebook.screenshot("map_dragging")
    notebook.page.mouse.up()
    notebook.page.wait_for_timeout(1000)
    notebook.screenshot("map_boxed")
    assert notebook.problems() == []
