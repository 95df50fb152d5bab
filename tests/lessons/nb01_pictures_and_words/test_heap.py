"""Notebook 01: the heap and its truth, what words say, colors, the pair browser and the board of copies."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from clip_tutor.data import Pair, Scenes, find_emoji
from clip_tutor.data.drawing import BACKGROUNDS
from clip_tutor.data.duplicates import distances, thumbnails
from clip_tutor.data.emoji import FIRST_WORDS
from clip_tutor.data.splits import split_by_group
from clip_tutor.lab.samples.fitting import fits
from clip_tutor.lessons.nb01_pictures_and_words import browser, colors, copies
from clip_tutor.lessons.nb01_pictures_and_words.heap import CHANGES, Heap, make_heap
from clip_tutor.lessons.nb01_pictures_and_words.memory import answers_are_true, nearest_row
from clip_tutor.lessons.nb01_pictures_and_words.photographs import at_one_size, photographs
from clip_tutor.lessons.nb01_pictures_and_words.words import facts_of, words_of


@pytest.fixture(scope="module")
def heap() -> Heap:
    return make_heap(120)


# ------------------------------------------------------------------------------------------------------------- heap


def test_each_scene_is_posted_once_and_then_changed(heap: Heap):
    firsts = [int(heap.source[n]) for n in range(len(heap)) if not heap.changes[n]]
    assert sorted(firsts) == list(range(120))
    assert set(heap.changes) == {"", *CHANGES}
    for n, change in enumerate(heap.changes):
        first = next(m for m in range(len(heap)) if heap.source[m] == heap.source[n] and not heap.changes[m])
        assert (heap.files[n] == heap.files[first]) == (change in ("", "copied"))


def test_a_copy_is_nearer_to_its_original_than_to_most_others(heap: Heap):
    small = thumbnails(heap.pixels)
    apart = distances(small, small)
    same = heap.source[:, None] == heap.source
    assert apart[same].max() < apart[~same].quantile(0.05)


def test_pixels_are_the_files_decoded(heap: Heap):
    for file, pixels in zip(heap.files[:20], heap.pixels[:20], strict=True):
        image = np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))
        assert np.array_equal(image, pixels.permute(1, 2, 0))


def test_every_wording_is_true_of_its_scene(heap: Heap):
    assert fits(heap.scenes)[heap.source[:, None] == heap.source].all()
    assert heap.captions == tuple(scene.caption for scene in heap.scenes)


def test_the_same_seed_gives_the_same_heap(heap: Heap):
    again = make_heap(120)
    assert again.files == heap.files and again.captions == heap.captions
    assert make_heap(120, seed=1).captions != heap.captions


def test_who_only_remembers_passes_when_rows_are_split(heap: Heap):
    rows = answers_are_true(heap.scenes, heap.pixels, split_by_group(torch.arange(len(heap)), 0.3))
    images = answers_are_true(heap.scenes, heap.pixels, split_by_group(heap.source, 0.3))
    assert rows.float().mean() > 0.3 + images.float().mean()


def test_the_nearest_row_is_one_of_training(heap: Heap):
    in_test = split_by_group(heap.source, 0.3)
    nearest = nearest_row(heap.pixels, in_test)
    assert not in_test[nearest].any()
    assert len(nearest) == in_test.sum()


# ---------------------------------------------------------------------------------------------------- words, colors


@pytest.mark.parametrize(
    ("caption", "right"),
    [
        ("a picture of three kites on a turquoise background", ("kites", "three", None, None, "turquoise")),
        ("a lion under a pig in front of a green background", ("lion", None, None, "under", "green")),
        ("a black background with a t-shirt to the left of a giraffe", ("t-shirt", None, None, "left", "black")),
        ("a tiny elephant, tagged trunk", ("elephant", None, "tiny", None, None)),
        ("", (None,) * 5),
    ],
)
def test_words_are_read_off_a_caption(caption: str, right: tuple[str | None, ...]):
    assert tuple(words_of(caption).values()) == right


def test_a_color_word_of_a_scene_is_its_color():
    scenes = Scenes(find_emoji("🐈🚀🍌⭐" * 12)).scenes(range(300))
    told = [(words_of(scene.caption)["color"], facts_of(scene)["color"]) for scene in scenes]
    assert all(word in (None, fact) for word, fact in told)
    assert 0.2 < sum(word is None for word, _ in told) / 300 < 0.4


def test_the_commonest_color_is_the_background():
    batch = Scenes(find_emoji(FIRST_WORDS), "test").batch(range(200))
    truth = torch.tensor([list(BACKGROUNDS).index(scene.background) for scene in batch.scenes])
    assert (colors.commonest_color(batch.pixels) == truth).float().mean() > 0.98
    assert 0.8 < (colors.color_of_mean(batch.pixels) == truth).float().mean() < 0.98
    torch.testing.assert_close(colors.histogram(batch.pixels).sum(dim=1), torch.ones(200))


def test_the_first_color_word_is_told():
    assert colors.told_color("a red heart on a white background") == colors.NAMES.index("red")
    assert colors.told_color("a cat") == colors.UNNAMED


# ------------------------------------------------------------------------------------------ photographs and browser


def test_the_photographs_are_there_without_a_network():
    pairs = photographs()
    assert len({pair.name for pair in pairs}) == len(pairs) == 18
    assert at_one_size(pairs).shape == (18, 3, 64, 64)
    assert all(max(pair.image.size) <= 256 for pair in pairs if isinstance(pair.image, Image.Image))


@pytest.fixture
def browse():
    shades = [Image.new("RGB", (8, 8), (n, n, n)) for n in range(30, 0, -1)]
    many = [Pair(f"{n}", image, (f"<b>cat</b> {n} " + "very " * (n % 3),)) for n, image in enumerate(shades)]
    return browser.pair_browser({"many": many, "one": [Pair("x", Path("not/there.jpg"), ("a dog", "a hound"))]})


def shown(html: str) -> list[str]:
    return re.findall(r"<figcaption>(.*?)</figcaption>", html)


def test_a_page_has_twelve_pairs_and_the_last_one_the_rest(browse):
    pages = [shown(browse("many", page=page)) for page in (1, 2, 3, 40)]
    assert [len(page) for page in pages] == [12, 12, 6, 6]
    assert pages[0][0].startswith("&lt;b&gt;cat&lt;/b&gt; 0"), "captions are shown and not obeyed"


def test_pairs_are_sorted_and_filtered(browse):
    assert "cat&lt;/b&gt; 29" in shown(browse("many", order="darkest image first"))[0]
    lengths = [len(caption.split()) for caption in shown(browse("many", order="longest caption first"))]
    assert lengths == sorted(lengths, reverse=True)
    assert "1 of 30 pairs" in browse("many", "7")
    assert "take some away" in browse("many", "zebra <b>")


def test_an_image_that_is_not_there_is_gray_and_has_its_captions(browse):
    assert shown(browse("one", order="darkest image first")) == ["a dog / a hound"]


# -------------------------------------------------------------------------------------------------------- the board


@pytest.mark.parametrize("measure", copies.MEASURES)
@pytest.mark.parametrize("threshold", [0, 6, copies.FARTHEST])
def test_the_board_of_copies_counts(heap: Heap, measure: str, threshold: int):
    look = copies.copy_finder({"heap": (heap.pixels, heap.captions, heap.source)})
    html = look("heap", measure, threshold)
    assert re.search(r"<b>[\d,]+ pairs</b> of rows are called copies", html)
    assert "of all copies are missed" in html


def test_found_pairs_are_told_right_from_wrong():
    source = torch.tensor([0, 0, 0, 1, 2])
    found = copies.found_within(torch.tensor([[0, 1], [2, 3]]), 5, source)
    assert (found.pairs, found.rows, found.largest, found.right) == (2, 4, 2, 0.5)
    assert found.missed == pytest.approx(2 / 3)
    unknown = copies.found_within(torch.zeros(0, 2, dtype=torch.long), 5)
    assert (unknown.rows, unknown.largest) == (0, 1)
    assert np.isnan(unknown.missed)


def test_an_unknown_truth_is_not_told():
    pairs = photographs()
    look = copies.copy_finder({"photographs": (at_one_size(pairs), [pair.name for pair in pairs], None)})
    assert "In truth" not in look("photographs", threshold=16)
    assert "motorcycle, left (15." in look("photographs", threshold=16)
