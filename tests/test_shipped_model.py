"""The model that comes with the kit does what its own notes say."""

import pytest

from clip_tutor.assets import asset
from clip_tutor.data.emoji import load_emoji
from clip_tutor.evaluation.report import full_report
from clip_tutor.lab.samples.collection import collection
from clip_tutor.search import ImageIndex
from clip_tutor.weights import Loaded, load
from clip_tutor.weights.loading import SHIPPED


@pytest.fixture(scope="module")
def shipped() -> Loaded:
    return load("emoji")


def test_it_is_small_enough_to_ship() -> None:
    assert asset(SHIPPED["emoji"]).stat().st_size <= 8_000_000


def test_it_says_how_it_was_made(shipped: Loaded) -> None:
    assert shipped.notes["command"].startswith("python -m clip_tutor.training emoji")
    assert shipped.notes["steps"] > 0


def test_it_reaches_its_figures(shipped: Loaded) -> None:
    promised = shipped.notes["figures"]
    reached = full_report(shipped.model, shipped.tokenizer, load_emoji())
    assert reached.keys() == promised.keys()
    for name, value in reached.items():
        assert value == pytest.approx(promised[name], abs=0.01), name


@pytest.fixture(scope="module")
def index(shipped: Loaded) -> ImageIndex:
    """The collection that notebook 00 searches, under the names of what its scenes show."""
    pictures, _, scenes = collection(shipped.model.config.vision.image_size)
    index = ImageIndex(shipped.model, shipped.tokenizer)
    index.add_pixels(pictures, [" + ".join(emoji.name for emoji in scene.objects) for scene in scenes])
    return index


@pytest.mark.parametrize(
    ("words", "expected"),
    [("puppy", "dog face"), ("car", "automobile"), ("three cats", "cat"), ("a tiny rocket", "rocket")],
)
def test_everyday_words_find_what_people_mean(index: ImageIndex, words: str, expected: str) -> None:
    found = [hit.name for hit in index.search(words, k=8)]
    right = sum(expected in name.split(" + ") for name in found)
    assert right >= 4, f"{words!r} found {found}"
