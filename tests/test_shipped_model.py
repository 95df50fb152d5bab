"""The model that comes with the kit does what its own notes say."""

import pytest

from clip_tutor.assets import asset
from clip_tutor.data.emoji import load_emoji
from clip_tutor.data.scenes import Scenes
from clip_tutor.evaluation.report import full_report
from clip_tutor.search import ImageIndex
from clip_tutor.weights import SHIPPED, Loaded, load


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


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("puppy", {"dog face"}),
        ("car", {"automobile"}),
        ("three cats", {"cat"}),
        ("a tiny rocket", {"rocket"}),
    ],
)
def test_everyday_words_find_what_people_mean(shipped: Loaded, words: str, expected: set[str]) -> None:
    """Among one scene of every kind of thing there is, an everyday word finds the thing."""
    model, tokenizer, _ = shipped
    scenes = Scenes(load_emoji(), "test").batch(range(6000))
    index = ImageIndex(model, tokenizer)
    index.add_pixels(scenes.pixels, [" + ".join(e.name for e in scene.objects) for scene in scenes.scenes])
    found = {name for hit in index.search(words, k=10) for name in hit.name.split(" + ")}
    assert found & expected, f"{words!r} found {found}"
