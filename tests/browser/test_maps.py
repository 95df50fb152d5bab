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
from clip_tutor.model import CLIP

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


BOARDS = """
torch.manual_seed(0)
new = CLIP(model.config)
frames = [(0, ct.encode_images(new, pixels), ct.encode_texts(new, tokenizer, captions))]
near = [torch.nn.functional.normalize(0.6 * a + 0.4 * b, dim=-1)
        for a, b in zip(frames[0][1:], (image_features, text_features))]
frames += [(500_000, *near), (1_000_000, image_features, text_features)]
lab.gap_board(frames, [14.3, 50.0, 100.0])
"""
GRID = "lab.retrieval_grid(image_features, text_features, images, captions)"
TWO = """
indexes = {}
for name in ("emoji", "emoji_plain"):
    one, words, _ = ct.load(name)
    indexes[name] = ct.ImageIndex(one, words)
    indexes[name].add_pixels(pixels, captions)
lab.compare_search(indexes, images, ["two cats on a red background", "a rocket"])
"""
# Rows of points that nothing covers, so that the mouse reaches them.
UNCOVERED = """marks => marks.filter(i => {
    const r = i.getBoundingClientRect();
    return document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2) === i;
}).map(i => Number(i.dataset.n))"""
CARD = "i => getComputedStyle(i, '::after').display + getComputedStyle(i, '::after').content"


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
def test_the_map_is_hovered_clicked_boxed_and_zoomed(
    open_notebook: Callable[..., NotebookPage], tmp_path: Path
) -> None:
    notebook = open_notebook("page", notebook_of(tmp_path / "notebooks", PAIRS, MAP))
    notebook.run_all()
    assert notebook.problems() == []
    box, mouse = notebook.panel.locator(".kit-map"), notebook.page.mouse
    box.scroll_into_view_if_needed()
    marks = box.locator(".kit-surface i")
    notebook.wait_until(lambda: marks.count() == 480, "all points")

    rows = marks.evaluate_all(UNCOVERED)
    image, caption = next(row for row in rows if row < 240), next(row for row in rows if row >= 240)
    for row, kind in ((image, "image"), (caption, "caption")):
        point = box.locator(f'i[data-n="{row}"]')
        assert point.evaluate(CARD).startswith("none")
        point.hover()
        notebook.wait_until(lambda: point.evaluate(CARD).startswith("block"), "the card of a point")  # noqa: B023
        assert point.get_attribute("aria-label") in point.evaluate(CARD)
        assert box.locator(f'i.mate[data-n="{(row + 240) % 480}"]').count() == 1, "the other half of the pair"
        notebook.screenshot(f"map_hovered_{kind}")
        point.click()
        said = f"{kind} of pair {row % 240 + 1}"
        notebook.wait_until(lambda: said in box.inner_text(), said)  # noqa: B023
    mouse.move(5, 5)
    notebook.screenshot("map_clicked")

    frame = box.locator(".kit-surface").bounding_box()
    assert frame
    mouse.move(frame["x"] + 4, frame["y"] + 4)
    mouse.down()
    mouse.move(frame["x"] + 0.3 * frame["width"], frame["y"] + 0.3 * frame["height"], steps=4)
    mouse.move(frame["x"] + 0.5 * frame["width"], frame["y"] + 0.6 * frame["height"], steps=4)
    notebook.screenshot("map_dragged")
    mouse.up()
    listed = box.locator(".kit-list")
    notebook.wait_until(lambda: box.locator(".widget-readout").all_inner_texts()[-2:] == ["1 – 50", "1 – 60"], "box")
    before = listed.inner_text()
    handle = box.locator(".widget-hslider").last.locator(".noUi-handle").last
    handle.focus()
    for _ in range(20):
        handle.press("ArrowRight")
    notebook.wait_until(lambda: listed.inner_text() != before, "another list")
    notebook.screenshot("map_boxed")
    box.get_by_role("button", name="zoom into the box").click()
    notebook.wait_until(lambda: 0 < marks.count() < 480, "fewer points")
    box.locator("select").nth(1).select_option("group")
    notebook.wait_until(lambda: "Animals & Nature (" in box.inner_text(), "the legend")
    box.locator(".widget-text input").first.fill("background")
    notebook.wait_until(lambda: box.locator(".kit-surface i.f").count() > 0, "faint points")
    notebook.screenshot("map_zoomed")
    box.get_by_role("button", name="whole map").click()
    box.locator("select").first.select_option("shuffled")
    notebook.wait_until(lambda: marks.count() == 480, "all points again")
    notebook.screenshot("map_shuffled")
    box.get_by_role("button", name="compute").scroll_into_view_if_needed()
    box.locator("select").last.select_option("PCA")
    box.get_by_role("button", name="compute").click()
    notebook.wait_until(lambda: box.locator("select").first.input_value() == "PCA", "a new layout")
    assert notebook.problems() == []


@pytest.mark.browser
@pytest.mark.slow
def test_the_gap_is_moved_training_played_and_models_compared(
    open_notebook: Callable[..., NotebookPage], tmp_path: Path
) -> None:
    notebook = open_notebook("page", notebook_of(tmp_path / "notebooks", PAIRS, BOARDS, GRID, TWO))
    notebook.run_all()
    assert notebook.problems() == []

    board = notebook.panel.locator(".kit-gap")
    board.scroll_into_view_if_needed()
    readouts = board.locator(".widget-readout")

    def alt() -> str:
        return board.locator(".widget-html img").last.get_attribute("alt") or ""

    notebook.screenshot("gap_trained")
    track = board.locator(".noUi-base").last.bounding_box()
    assert track
    handle = board.locator(".noUi-handle").last
    handle.hover()
    notebook.page.mouse.down()
    notebook.page.mouse.move(track["x"] + 0.667 * track["width"], track["y"] + 3, steps=6)
    notebook.page.mouse.up()
    notebook.wait_until(lambda: readouts.last.inner_text() in ("0.95", "1.00", "1.05"), "captions moved by one gap")
    notebook.wait_until(lambda: f"moved by +{readouts.last.inner_text()} gap" in alt(), "its figure")
    notebook.screenshot("gap_closed")
    first = board.locator(".noUi-handle").first
    first.focus()
    for _ in range(2):
        first.press("ArrowLeft")
    notebook.wait_until(lambda: readouts.first.inner_text() == "0", "the first moment")
    notebook.wait_until(lambda: "After 0 pairs" in alt(), "its figure")
    notebook.screenshot("gap_new")
    board.locator(".widget-play button").first.click()
    notebook.wait_until(lambda: "After 1,000,000 pairs" in alt(), "training played to its end")

    grid = notebook.panel.locator(".kit-retrieval")
    grid.scroll_into_view_if_needed()
    grid.locator("select").first.select_option("images find words")
    grid.locator("select").last.select_option("worst first")
    notebook.wait_until(lambda: grid.locator("th img").count() == 8, "images as queries")
    notebook.screenshot("retrieval_images")
    grid.locator("select").first.select_option("words find images")
    notebook.wait_until(lambda: grid.locator("td img").count() >= 48, "words as queries")
    notebook.screenshot("retrieval_words")

    two = notebook.panel.locator(".kit-compare")
    two.scroll_into_view_if_needed()
    notebook.screenshot("compare")
    two.get_by_role("button", name="a rocket").click()
    notebook.wait_until(lambda: "“a rocket”" in two.inner_text(), "the other query")
    assert two.locator("section").count() == 2
    assert two.locator("section img").count() == 12
    assert notebook.problems() == []
