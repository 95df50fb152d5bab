"""The embedding map without a browser: what it draws, what its controls and the mouse change, what it refuses."""

import json
import re
from typing import Any

import ipywidgets
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from clip_tutor.lab import embedding_explorer
from clip_tutor.lab.plots import layouts
from clip_tutor.lab.widgets.embedding_explorer import EmbeddingExplorer
from clip_tutor.lab.widgets.embedding_explorer.coloring import CATEGORIES, UNKNOWN, by_attribute
from clip_tutor.lab.widgets.embedding_explorer.explorer import CAPTION, IMAGE, NOTHING
from clip_tutor.lab.widgets.embedding_explorer.page import percent_of
from clip_tutor.lab.widgets.embedding_explorer.points import make_points
from clip_tutor.lab.widgets.embedding_explorer.script import Said, read
from clip_tutor.lab.widgets.screen import ERROR_MARK

pytestmark = pytest.mark.usefixtures("course_style")

N = 12
IMAGES = [np.full((8, 8, 3), 20 * n, np.uint8) for n in range(N)]
CAPTIONS = [f"{n} cats & a <dog>" for n in range(N)]
CORNERS = np.array([[x, y] for y in range(4) for x in range(6)], dtype=float)  # (2N, 2): images below, captions above


def vectors(pairs: int = N, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    drawn = np.random.default_rng(seed).normal(size=(2, pairs, 8)).astype(np.float32)
    unit = drawn / np.linalg.norm(drawn, axis=-1, keepdims=True)
    return unit[0], unit[1]


def a_map(**more: Any) -> EmbeddingExplorer:
    more = {"layouts": {"corners": CORNERS, "PCA": CORNERS[::-1]}, "attributes": {"kind": ["a", "b"] * 6}, **more}
    return embedding_explorer(IMAGES, CAPTIONS, *vectors(), **more)


def marks(box: EmbeddingExplorer) -> list[int]:
    return [int(row) for row in re.findall(r'data-n="(\d+)"', box.parts["map"].screen.html.value)]


def test_every_image_and_every_caption_is_a_point_with_its_words():
    box = a_map()
    html = box.parts["map"].screen.html.value
    assert marks(box) == list(range(2 * N))
    assert html.count('class="t') == N
    assert html.count('aria-label="3 cats &amp; a &lt;dog&gt;"') == 2
    assert "<dog>" not in html
    assert box.error is None


def test_thumbnails_travel_once():
    box = a_map()
    everything = [w.value for w in ipywidgets.Widget.widgets.values() if isinstance(w, ipywidgets.HTML)]
    assert sum(html.count("data:image") for html in everything) == 1
    assert "data:image" not in box.parts["map"].screen.html.value


def test_show_says_which_points_are_drawn():
    box = a_map()
    box.controls["show"].value = "images"
    assert marks(box) == list(range(N))
    box.controls["show"].value = "captions"
    assert marks(box) == list(range(N, 2 * N))


def test_words_make_the_others_faint():
    box = a_map()
    box.controls["words"].value = "CATS 11"
    html = box.parts["map"].screen.html.value
    assert len(re.findall(r'class="[td][ rb]* f"', html)) == 2 * (N - 1)
    assert f"1 of {N} captions have" in html


def test_a_map_keeps_proportions_and_points_up():
    places = percent_of(np.array([[0.0, 0.0], [8.0, 0.0], [8.0, 1.0]]))
    assert places[:, 0].tolist() == pytest.approx([3, 97, 97])
    assert places[2, 1] < places[0, 1], "larger y is higher on the screen"
    assert (places[0, 1] - places[2, 1]) / 94 == pytest.approx(1 / 6), "8 wide and 1 high, on a stage of 4 to 3"


def test_the_box_lists_what_is_in_it():
    box = a_map()
    html = box.parts["list"].screen.html
    box.controls["across"].value, box.controls["down"].value = (0, 100), (0, 100)
    assert f"{N} images, {N} captions, {N} pairs whole" in html.value
    box.controls["across"].value, box.controls["down"].value = (0, 50), (50, 100)
    assert "6 images, 0 captions, 0 pairs whole" in html.value
    box.controls["down"].value = (0, 50)
    assert "0 images, 6 captions, 0 pairs whole" in html.value, "captions lie above"
    box.controls["across"].value = (50, 50)
    assert "Nothing: move it" in html.value


def test_the_other_layouts_show_the_same_points():
    box = a_map()
    figure = box.draw_elsewhere("corners", "images", (0, 50), (50, 100))
    assert isinstance(figure, Figure)
    assert figure.axes[0].get_title(loc="left").endswith("in PCA")
    assert [len(dots.get_offsets()) for dots in figure.axes[0].collections] == [6, 6]
    assert a_map(layouts={"one": CORNERS}).draw_elsewhere("one", "images", (0, 50), (0, 50)) == ""


def test_a_chosen_point_shows_its_nearest_neighbors_in_the_space():
    box = a_map()
    assert "No point chosen" in box.parts["card"].screen.html.value
    box.controls["pair"].value, box.controls["of"].value = 4, CAPTION
    html = box.parts["card"].screen.html.value
    images, texts = vectors()
    order = (texts @ texts[3]).argsort()[::-1]
    assert "caption of pair 4" in html
    assert html.index(f"{order[1]} cats &amp; a &lt;dog&gt; <small>") < html.index(
        f"{order[2]} cats &amp; a &lt;dog&gt; <small>"
    )
    assert f"cosine of the pair: {images[3] @ texts[3]:.2f}" in html
    assert "kind: b" in html
    assert html.count("<li>") == 5, "as many as promised, itself not among them"
    assert box.parts["overlay"].screen.html.value.count('class="kit-ring') == 2


def test_the_mouse_sets_the_controls():
    box = a_map()
    box.said.value = json.dumps({"row": N + 2, "at": 1})
    assert (box.controls["pair"].value, box.controls["of"].value) == (3, CAPTION)
    box.said.value = json.dumps({"row": 0, "at": 2})
    assert (box.controls["pair"].value, box.controls["of"].value) == (1, IMAGE)
    box.said.value = json.dumps({"box": [60, 20, -5, 30], "at": 3})
    assert (box.controls["across"].value, box.controls["down"].value) == ((20, 60), (0, 30))


@pytest.mark.parametrize(
    "said", ["", "no json", "[]", "7", '{"row": -1}', '{"row": 24}', '{"box": [1, 2]}', '{"box": "x"}']
)
def test_a_message_that_says_nothing_changes_nothing(said: str):
    assert read(said, 2 * N) == Said()


def test_a_box_can_be_zoomed_into_and_out_of():
    box = a_map()
    box.controls["across"].value, box.controls["down"].value = (0, 50), (50, 100)
    box.zoom.click()
    assert len(marks(box)) == 6
    box.said.value = json.dumps({"box": [0, 100, 0, 50]})
    assert (box.controls["across"].value, box.controls["down"].value) == ((0, 50), (50, 75)), "percent of the whole map"
    box.whole.click()
    assert len(marks(box)) == 2 * N


def test_a_layout_can_be_computed_on_request(monkeypatch: pytest.MonkeyPatch):
    box = a_map()
    monkeypatch.setattr(
        "clip_tutor.lab.widgets.embedding_explorer.explorer.LAYOUTS",
        {"UMAP": lambda values, seed: values[:, :2] + seed},
    )
    box.method.value, box.seed.value = "UMAP", 3
    box.compute.click()
    assert box.controls["layout"].value == "UMAP, seed 3"
    assert list(box.places) == ["corners", "PCA", "UMAP, seed 3"]
    assert (box.error, box.compute.disabled) == (None, False)


def test_a_layout_that_fails_says_why_in_place():
    same = np.ones((N, 8), np.float32) / np.sqrt(8)
    box = embedding_explorer(IMAGES, CAPTIONS, same, same)
    box.method.value = "UMAP"
    box.compute.click()
    message = box.parts["map"].screen.message.value
    assert ERROR_MARK in message
    assert "all 24 vectors are the same, so UMAP finds no neighbors" in message
    assert len(marks(box)) == 2 * N, "the last good map stays"


@pytest.mark.parametrize("pairs", [1, 2, 5])
def test_a_map_of_few_pairs(pairs: int):
    box = embedding_explorer(IMAGES[:pairs], CAPTIONS[:pairs], *vectors(pairs))
    assert len(marks(box)) == 2 * pairs
    for part in box.parts.values():
        part.sweep()
    assert box.error is None


def test_a_map_of_identical_vectors_is_one_heap_in_the_middle():
    same = torch.nn.functional.normalize(torch.ones(N, 8), dim=-1)
    box = embedding_explorer(IMAGES, CAPTIONS, same, same)
    assert box.parts["map"].screen.html.value.count("left:50.00%;top:50.00%") == 2 * N


def test_nan_is_refused_with_the_pair_that_has_it():
    images, texts = vectors()
    texts[5, 2] = np.nan
    with pytest.raises(ValueError, match="1 of 24 vectors hold NaN or infinity, the first is the caption's of pair 5"):
        embedding_explorer(IMAGES, CAPTIONS, images, texts)
    with pytest.raises(ValueError, match="1 of 24 places are not numbers, the first in row 0"):
        a_map(layouts={"broken": np.where(np.arange(24)[:, None] == 0, np.nan, CORNERS)})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"attributes": {"kind": ["a"]}}, "values of 'kind'': 1|values of 'kind'"),
        ({"layouts": {"half": CORNERS[:N]}}, "half: 12 pairs need 24 places"),
    ],
)
def test_what_does_not_fit_is_said(change: dict[str, Any], said: str):
    with pytest.raises(ValueError, match=said):
        a_map(**change)


def test_more_points_than_a_map_holds_are_refused():
    many = np.ones((1001, 4), np.float32)
    with pytest.raises(ValueError, match="1 to 1,000 pairs, not 1,001"):
        make_points([IMAGES[0]] * 1001, ["a cat"] * 1001, many, many, {})


def test_kinds_have_eight_colors_and_numbers_a_scale():
    few = by_attribute("kind", ["a", "b", None, "a"])
    assert few.images == (CATEGORIES[0], CATEGORIES[1], UNKNOWN, CATEGORIES[0])
    assert "a (2)" in few.legend
    assert "not known (1)" in few.legend
    many = by_attribute("kind", [str(n) for n in range(12)])
    assert len(set(many.images)) == len(CATEGORIES)
    assert "5 other kinds (5)" in many.legend
    scale = by_attribute("count", [1, 2.0, float("nan"), 3])
    assert scale.images[2] == UNKNOWN
    assert len(set(scale.images)) == 4
    assert len(set(by_attribute("count", [2, 2, 2]).images)) == 1


def test_every_control_has_a_label():
    box = a_map()
    assert all(control.description for control in box.controls.values())
    assert all(button.tooltip for button in (box.zoom, box.whole, box.compute))


def test_controls_at_every_end():
    box = a_map()
    for part in box.parts.values():
        part.sweep()
    box.controls["of"].value = IMAGE
    box.controls["of"].value = NOTHING
    assert box.error is None


def test_saved_layouts_come_back_unless_they_are_of_other_vectors(tmp_path):
    made = {"model": "abc", "captions": "def"}
    layouts.save_layouts(tmp_path / "map.safetensors", {"t-SNE": CORNERS, "UMAP": 7 * CORNERS}, made)
    opened = layouts.open_layouts(tmp_path / "map.safetensors", made)
    assert list(opened) == ["UMAP", "t-SNE"], "in the order of the menu"
    assert np.allclose(opened["UMAP"], CORNERS / 5, atol=1e-3), "the same map, at another scale"
    with pytest.raises(ValueError, match="of another model's vectors, or of other pairs"):
        layouts.open_layouts(tmp_path / "map.safetensors", {**made, "captions": "xyz"})
