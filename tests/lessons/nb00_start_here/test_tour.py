"""What the tour shows: its stops, collection of images, twins, widgets, and the map that was made beforehand."""

import json
import logging
import re
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure

from clip_tutor.data.drawing import BACKGROUNDS
from clip_tutor.data.scenes import Batch, Scenes
from clip_tutor.lab import image_map, meters, search_box
from clip_tutor.lab.course.notebook_files import CHECKOUT
from clip_tutor.lab.samples.collection import COUNT, FAVORITES, PORTRAYED, collection
from clip_tutor.lab.widgets.explore import Explorer
from clip_tutor.lessons.nb00_start_here import plots, stills, twins
from clip_tutor.lessons.nb00_start_here.naming import naming
from clip_tutor.lessons.nb00_start_here.saved_layout import PAIRS, open_layout, pairs_on_the_map
from clip_tutor.model import CLIP
from clip_tutor.search import ImageIndex
from clip_tutor.tokenizers import BPETokenizer
from clip_tutor.weights import load

WISHES = [("tiny", 1), ("plain", 1), ("huge", 1), (None, 2), (None, 3), (None, 4)]
TO_TRY = ("three cats", "a car on red", "zxq <b> vlorf")


def stops() -> dict[str, str]:
    """Return what stands between the heading of each stop and the next heading, by that stop's heading."""
    cells = json.loads((CHECKOUT / "notebooks" / "00_start_here.ipynb").read_text(encoding="utf-8"))["cells"]
    text = "\n\n".join("".join(cell["source"]) for cell in cells)
    parts = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    return dict(part.split("\n", 1) for part in parts if part.startswith("Stop "))


def test_each_stop_has_one_question_one_thing_to_do_and_one_answer():
    assert [heading.partition(" · ")[0] for heading in stops()] == [f"Stop {n}" for n in range(1, 7)]
    found = []
    for heading, text in stops().items():
        for mark in ("**Question.**", "**Do this.**", "**Answer.**"):
            if text.count(mark) != 1:
                found.append(f"{heading}: {mark} stands {text.count(mark)} times")
    assert found == []


def test_each_stop_says_in_which_notebooks_one_builds_it():
    answers = {heading: text.split("**Answer.**")[1] for heading, text in stops().items()}
    assert [heading for heading, answer in answers.items() if not re.search(r"\]\(\d\d_\w+\.ipynb\)", answer)] == []
    assert "lab.course_map()" in list(stops().values())[-1], "the last shows them all"


@pytest.fixture(scope="module")
def many() -> dict[str, twins.Twins]:
    return twins.many_twins(32)


@pytest.mark.parametrize("fact", twins.FACTS)
def test_twins_differ_in_image_and_caption(fact: str, many: dict[str, twins.Twins]):
    pixels, captions = many[fact]
    assert pixels.shape == (twins.PAIRS, 2, 3, 32, 32)
    assert (pixels[:, 0] != pixels[:, 1]).flatten(1).any(dim=1).all()
    assert len(captions) == twins.PAIRS
    assert all(one != other for one, other in captions)


def test_twins_differ_in_one_fact_alone(many: dict[str, twins.Twins]):
    changed = {fact: [set(one.split()) ^ set(other.split()) for one, other in many[fact].captions] for fact in many}
    assert all(words <= {*BACKGROUNDS, "a", "an"} for words in changed["colors"])
    assert all(words & {"two", "three", "four"} and len(words) == 2 for words in changed["numbers"])
    assert all(not words for words in changed["places"]), "the same words in another order"
    assert all(one.split(" on ")[-1] == other.split(" on ")[-1] for one, other in many["kinds"].captions)


def test_twins_of_a_kind_stand_on_the_same_background(many: dict[str, twins.Twins]):
    (pixels, _), edge = many["kinds"], (slice(None), slice(None), slice(None), 0, 0)
    same = (pixels[edge][:, 0] == pixels[edge][:, 1]).all(dim=1)
    assert same.float().mean() > 0.9  # a thing may cover the corner


@pytest.mark.parametrize("size", [64, 32])
def test_eight_twins_have_the_models_size(size: int):
    eight = twins.eight_twins(size)
    assert len(eight) == 2 * len(twins.FACTS)
    assert {image.size for image in eight.values()} == {(size, size)}


@pytest.fixture
def name_it(model: CLIP, tokenizer: BPETokenizer) -> Callable[..., str]:
    return naming(model, tokenizer, twins.eight_twins(model.config.vision.image_size))


def test_names_become_bars(name_it: Callable[..., str]):
    html = name_it("two cats on a blue background", "a cat, <dog>,, car ", "a picture of {}")
    assert html.count("%</span>") == 3
    assert "&lt;dog&gt;" in html
    assert "100.0%" in name_it("two cats on a blue background", "car", "{}")


@pytest.mark.parametrize(("names", "template"), [("", "{}"), (" , ", "{}"), ("cat", "no place")])
def test_names_and_template_are_asked_for(names: str, template: str, name_it: Callable[..., str]):
    assert name_it("two cats on a blue background", names, template).startswith("Write names")


def test_a_long_name_is_cut_and_not_refused(name_it: Callable[..., str]):
    assert "100.0%" in name_it("two cats on a blue background", "cat " * 300, "{}")


def test_shares_have_a_row_for_each_name_and_a_color_for_each_side():
    right = {"colors": torch.tensor([True, False]), "places": torch.tensor([True, True])}
    figure = plots.shares({"images": right, "captions": right}, 0.25, "Twins")
    figure.draw_without_rendering()
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == list(right)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["images", "captions", "guessing"]
    plots.shares({"captions": right}, 0.1, "Maps").draw_without_rendering()


def test_two_searches_say_their_best_scores():
    figure = plots.searches({"cat": torch.tensor([0.1, 0.8]), "zxq": torch.tensor([0.2, 0.3])})
    figure.draw_without_rendering()
    assert "“cat”, best score 0.80" in [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.fixture(scope="module")
def everything() -> Batch:
    return collection()


def test_the_collection_has_images_captions_and_truth(everything: Batch):
    assert everything.pixels.shape == (COUNT, 3, 64, 64)
    assert everything.pixels.dtype == torch.uint8
    assert everything.captions == [scene.caption for scene in everything.scenes]


def test_the_collection_portrays_what_can_be_named(everything: Batch):
    portraits = [s for s in everything.scenes if s.kind == "one" and s.size != "tiny"]
    assert {scene.objects[0].group for scene in portraits} >= PORTRAYED
    assert len({scene.objects[0].character for scene in portraits}) > 1000


@pytest.mark.parametrize("favorite", FAVORITES)
def test_the_collection_grants_every_wish_about_a_favorite(favorite: str, everything: Batch):
    alone = [s for s in everything.scenes if s.kind != "pair" and s.objects[0].character == favorite]
    seen = {(scene.size, scene.count, scene.background) for scene in alone}
    for wish in WISHES:
        assert sum((*wish, color) in seen for color in BACKGROUNDS) >= 10, wish


def test_the_collection_at_another_size_shows_the_same(everything: Batch):
    assert collection(32).captions == everything.captions


@pytest.fixture
def index(scenes: Scenes, model: CLIP, tokenizer: BPETokenizer) -> ImageIndex:
    batch = scenes.batch(range(40))
    index = ImageIndex(model, tokenizer)
    index.add_pixels(batch.pixels, batch.captions)
    return index


@pytest.fixture
def box(index: ImageIndex, scenes: Scenes) -> Explorer:
    return search_box(index, scenes.batch(range(40)).pixels, TO_TRY, k=5)


def test_the_search_box_begins_with_the_first_thing_to_try(box: Explorer, index: ImageIndex):
    assert box.controls["words"].value == TO_TRY[0]
    shown = box.screen.html.value
    assert shown.count("<img") == 5
    places = [shown.index(f'alt="{hit.name}"') for hit in index.search(TO_TRY[0], k=5)]
    assert places == sorted(places), "the best comes first"


def test_the_search_box_answers_each_key_stroke(box: Explorer):
    assert box.controls["words"].continuous_update
    before = box.screen.html.value
    box.controls["words"].set_state({"value": "a car on blue"})
    assert box.screen.html.value != before
    assert box.error is None


def test_a_button_of_the_search_box_types_its_words(box: Explorer, caplog: pytest.LogCaptureFixture):
    buttons = box.children[1]
    with caplog.at_level(logging.WARNING):  # what a click raises is only logged
        for words, button in zip(TO_TRY[::-1], buttons.children[::-1], strict=True):
            button.click()
            assert box.controls["words"].value == words
            assert box.screen.html.value.count("<img") == 5
    assert caplog.records == []


@pytest.mark.parametrize("words", ["", "   \n"])
def test_the_search_box_asks_for_words(box: Explorer, words: str):
    box.controls["words"].value = words
    assert box.error is None
    assert "Type a few words" in box.screen.html.value


@pytest.mark.parametrize("words", ["<script>", "三只猫", "a cat " * 300, "🦄"])
def test_the_search_box_takes_whatever_is_typed(box: Explorer, words: str):
    box.controls["words"].value = words
    assert box.error is None
    assert box.screen.html.value.count("<img") == 5
    assert "<script>" not in box.screen.html.value


def test_the_search_box_wants_the_images_of_its_index(index: ImageIndex, scenes: Scenes):
    with pytest.raises(ValueError, match="an index of 40 images needs these, in its order, and not 39"):
        search_box(index, scenes.batch(range(39)).pixels, TO_TRY)


def test_a_search_of_two_thousand_images_keeps_up_with_typing(model: CLIP, tokenizer: BPETokenizer):
    index = ImageIndex(model, tokenizer)
    vectors = F.normalize(torch.randn(COUNT, 16, generator=torch.Generator().manual_seed(0)), dim=-1)
    index.rows.append(vectors.numpy(), [f"a picture of {n} cats" for n in range(COUNT)])
    box = search_box(index, np.zeros((COUNT, 64, 64, 3), np.uint8), TO_TRY)
    times = []
    for n in range(20):
        start = time.perf_counter()
        box.controls["words"].value = f"{n} cats on a red background"
        times.append(time.perf_counter() - start)
    assert min(times) < 0.1  # seconds; the quickest, for other work on this machine is not the search's fault


def test_meters_come_longest_first():
    html = meters(["cat", "<dog>", "car"], torch.tensor([0.2, 0.7, 0.1]), np.zeros((4, 4, 3), np.uint8))
    assert html.index("&lt;dog&gt;") < html.index("cat") < html.index("car")
    assert "70.0%" in html
    assert html.count("<img") == 1


def test_meters_need_a_probability_for_each_name():
    with pytest.raises(ValueError, match="2 names need as many probabilities, not 3"):
        meters(["cat", "dog"], [0.1, 0.2, 0.7])


def test_an_image_map_leaves_out_what_would_cover_another():
    places = torch.tensor([[0.0, 0.0], [0.001, 0.0], [1.0, 1.0]])
    figure = image_map(places, [np.zeros((4, 4, 3), np.uint8)] * 3, title="A map")
    figure.draw_without_rendering()
    assert len(figure.axes[0].images) == 2


def test_an_image_map_needs_a_place_for_each_image():
    with pytest.raises(ValueError, match=r"2 images need places of shape \(2, 2\), not \(3, 2\)"):
        image_map(np.zeros((3, 2)), [np.zeros((4, 4, 3), np.uint8)] * 2)


def test_the_map_shows_favorites_alone(everything: Batch):
    rows = pairs_on_the_map(everything.scenes)
    assert len(set(rows)) == PAIRS
    assert {everything.scenes[row].objects[0].character for row in rows} == set(FAVORITES)
    assert all(everything.scenes[row].relation is None for row in rows)


@pytest.fixture(scope="module")
def on_the_map(everything: Batch) -> list[str]:
    return [everything.captions[row] for row in pairs_on_the_map(everything.scenes)]


def test_the_saved_layout_belongs_to_the_shipped_model(on_the_map: list[str]):
    # If it does not: python -m clip_tutor.lessons.nb00_start_here.saved_layout
    places = open_layout(load("emoji").model, on_the_map)
    assert places.shape == (2 * PAIRS, 2)
    assert places.isfinite().all()


def test_the_saved_layout_is_not_for_another_model_nor_for_other_pairs(model: CLIP, on_the_map: list[str]):
    with pytest.raises(ValueError, match=r"says nothing about these.*lab\.layouts\.umap_layout"):
        open_layout(model, on_the_map)
    with pytest.raises(ValueError, match="of other pairs"):
        open_layout(load("emoji").model, on_the_map[::-1])


@pytest.mark.slow
@pytest.mark.parametrize("draw", [stills.card, stills.names, stills.maps])
def test_the_stills_can_be_drawn(draw: Callable[[], Figure]):
    figure = draw()
    figure.draw_without_rendering()
    assert figure.axes
