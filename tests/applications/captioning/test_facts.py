"""What captions say is read back, in every wording, and compared with the truth of the scene."""

import pytest

from clip_tutor.applications.captioning import CaptionReader, Told, facts_right
from clip_tutor.applications.captioning.scene_captions import references, scene_captions
from clip_tutor.data.emoji import find_emoji, load_emoji
from clip_tutor.data.scenes import Scene, Scenes

CAT, DOG, GRAPES = find_emoji("🐈🐕🍇")


@pytest.fixture(scope="module")
def reader() -> CaptionReader:
    return CaptionReader(load_emoji())


@pytest.mark.parametrize("split", ["test", "train", "compositional"])
def test_true_captions_are_right_about_everything(reader: CaptionReader, split):
    """All but one: "a small airplane" is the name of one object and, of another, its name and its size."""
    scenes = Scenes(load_emoji(), split, seed=5)
    own = zip(scene_captions(scenes, range(1000)), scenes.scenes(range(1000)), strict=True)
    retold = zip(references(scenes, range(300), each=4), scenes.scenes(range(300)), strict=True)
    told = [*own, *((caption, scene) for captions, scene in retold for caption in captions[1:])]
    wrong = [caption for caption, scene in told if not all(facts_right(reader.read(caption), scene).values())]
    assert [caption for caption in wrong if "small airplane" not in caption] == []


@pytest.mark.parametrize(
    ("caption", "told"),
    [
        ("two cats on a blue background", Told(("🐈",), 2, None, "blue")),
        ("a picture of a tiny cat on an orange background", Told(("🐈",), 1, None, "orange")),
        ("a red background with two drawings of grapes", Told(("🍇",), 2, None, "red")),
        ("a cat over a dog in front of a pink background", Told(("🐈", "🐕"), 2, "above", "pink")),
        ("A Cat  to the left of a dog", Told(("🐈", "🐕"), 2, "left of", None)),
        ("a cat", Told(("🐈",), 1, None, None)),
        ("a flag of brazil on white", Told(("🇧🇷",), 1, None, "white")),
        # what cannot be read spoils only what it tells
        ("three blims on red", Told((None,), 3, None, "red")),
        ("a cat below a blim on red", Told(("🐈", None), 2, "below", "red")),
        ("a blim on plaid", Told((None,), 1, None, None)),
        ("on", Told((None,), None, None, None)),
        ("", Told((None,), None, None, None)),
    ],
)
def test_captions_are_read(reader: CaptionReader, caption: str, told: Told):
    assert reader.read(caption) == told


def scene(objects, count=1, relation=None) -> Scene:
    kind = "pair" if relation else "one" if count == 1 else "several"
    return Scene(0, kind, objects, count, None, relation, "red", "")


@pytest.mark.parametrize(
    ("caption", "wrong"),
    [
        ("a cat left of a dog on red", set()),
        ("a red background with a dog to the right of a cat", set()),
        ("a dog left of a cat on red", {"relation"}),
        ("a cat above a dog on red", {"relation"}),
        ("a cat left of a dog on blue", {"background"}),
        ("a cat left of a dog", {"background"}),
        ("a cat left of grapes on red", {"object"}),  # the cat's side is right
        ("grapes left of a cat on red", {"object", "relation"}),
        ("grapes left of grapes on red", {"object", "relation"}),  # no thing of the scene is beside anything
        ("two cats on red", {"object", "relation"}),
        ("a cat on red", {"object", "count", "relation"}),
    ],
)
def test_a_pair_is_scored_fact_by_fact(reader: CaptionReader, caption: str, wrong: set[str]):
    right = facts_right(reader.read(caption), scene((CAT, DOG), 2, "left of"))
    assert {fact for fact, hit in right.items() if not hit} == wrong


@pytest.mark.parametrize(
    ("caption", "wrong"),
    [
        ("two cats on red", set()),
        ("three cats on red", {"count"}),
        ("two dogs on red", {"object"}),
        ("cats on red", {"object", "count"}),  # says no number, and "cats" is no name without one
        ("a cat beside a cat on red", {"object", "count"}),
    ],
)
def test_several_are_scored_fact_by_fact(reader: CaptionReader, caption: str, wrong: set[str]):
    right = facts_right(reader.read(caption), scene((CAT,), 2))
    assert "relation" not in right
    assert {fact for fact, hit in right.items() if not hit} == wrong


def test_references_are_true_and_differ(reader: CaptionReader):
    scenes = Scenes(load_emoji(), "test", seed=5)
    (first, *others) = references(scenes, [3, 4], each=8)[0]
    assert first == scenes.scenes([3])[0].caption
    assert len({first, *others}) > 2
