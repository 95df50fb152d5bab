"""The model that comes with the kit does what its own notes say."""

import json
from dataclasses import replace

import pytest

from clip_tutor.assets import asset
from clip_tutor.data.emoji import FIRST_WORDS, find_emoji, load_emoji
from clip_tutor.data.scenes import Scenes
from clip_tutor.embedding import encode_images, encode_texts
from clip_tutor.evaluation.attributes import attribute_hits
from clip_tutor.evaluation.everyday import SEARCHES, first_page_precision
from clip_tutor.evaluation.report import brief_report, full_report
from clip_tutor.lab.samples.collection import collection
from clip_tutor.training.recipes import RECIPES
from clip_tutor.weights import Loaded, load
from clip_tutor.weights.loading import SHIPPED


@pytest.fixture(scope="module")
def shipped() -> Loaded:
    return load("emoji")


@pytest.fixture(scope="module")
def plain() -> Loaded:
    """The same model before its last run, which has hard batches and an order of wordings."""
    return load("emoji_plain")


def test_they_are_small_enough_to_ship() -> None:
    sizes = [asset(file).stat().st_size for file in SHIPPED.values()]
    assert max(sizes) <= 6_000_000 and sum(sizes) <= 9_000_000


def test_its_joint_embedding_is_narrower_than_both_towers(shipped: Loaded) -> None:
    config = shipped.model.config
    assert config.embed_dim < min(config.vision.width, config.text.width)


# The runs that made each model: one begins where the one before ended.
RUNS = {
    "emoji_plain": ("emoji_plain", "emoji_plain_search"),
    "emoji": ("emoji_plain", "emoji_plain_search", "emoji"),
    "everyday": ("everyday",),
}


@pytest.mark.parametrize("name", SHIPPED)
def test_each_says_how_it_was_made(name: str) -> None:
    notes = load(name).notes
    commands = [command.split() for command in notes["command"].split(" && ") if command.startswith("python")]
    assert [command[:4] for command in commands] == [
        ["python", "-m", "clip_tutor.training", recipe] for recipe in RUNS[name]
    ]
    for before, recipe in zip(commands, RUNS[name][1:], strict=False):
        assert RECIPES[recipe].start_from == before[-1], "each goes on from what the one before has saved"
    assert commands[-1][-1] == f"data/{SHIPPED[name]}"
    assert notes["steps"] == RECIPES[RUNS[name][-1]].train.steps


def test_only_the_last_run_has_twins_and_an_order_of_wordings(shipped: Loaded, plain: Loaded) -> None:
    assert plain.model.config == shipped.model.config
    *before, last = (RECIPES[recipe].data for recipe in RUNS["emoji"])
    assert last.twins and last.wordings
    assert [(data.twins, data.wordings) for data in before] == [(0.0, None)] * 2
    assert replace(last, twins=0.0, wordings=None) == before[-1]


# What the model is good for, whatever its notes say; two seeds of test scenes differ by 0.014 at most.
BARS = {
    "recall_at_1": 0.98,
    "compositional_recall_at_1": 0.97,
    "zero_shot_object": 0.65,
    "zero_shot_object_ensemble": 0.65,
    "zero_shot_count": 0.98,
    "zero_shot_relation": 0.95,
    "zero_shot_background": 0.98,
}


@pytest.fixture(scope="module")
def reached(shipped: Loaded) -> dict[str, float]:
    """What is measured here: the longest of these computations, and made once."""
    return full_report(shipped.model, shipped.tokenizer, load_emoji(), asked=1000)


@pytest.mark.slow
def test_it_reaches_its_figures(shipped: Loaded, reached: dict[str, float]) -> None:
    promised = shipped.notes["figures"]
    assert {name: promised[name] for name, bar in BARS.items() if promised[name] < bar} == {}
    assert reached.keys() == promised.keys()
    for name, value in reached.items():
        # The notes' zero-shot figures were measured on 10,000 scenes, of which these are the first 1,000.
        assert value == pytest.approx(promised[name], abs=0.05 if name.startswith("zero_shot_object") else 0.01), name


@pytest.mark.xfail(
    strict=True, reason="0.7586 against 0.7596 of 4,001 questions; the paired difference is -0.001 ± 0.004"
)
def test_an_ensemble_names_at_least_as_many_objects_as_one_prompt(shipped: Loaded) -> None:
    figures = shipped.notes["figures"]
    assert figures["zero_shot_object_ensemble"] >= figures["zero_shot_object"]


@pytest.mark.parametrize("name", ["emoji", "emoji_plain"])
def test_its_curve_ships_and_ends_where_its_notes_do(name: str) -> None:
    curve = json.loads(asset(f"curves/{name}.json").read_text(encoding="utf-8"))
    pairs = [RECIPES[one].train.steps * RECIPES[one].train.batch_size for one in RUNS[name]]
    assert curve["pairs"][-1] == sum(pairs)
    assert curve["pairs"] == sorted(curve["pairs"])
    assert curve["recall_at_1"][-1] == pytest.approx(load(name).notes["figures"]["recall_at_1"], abs=0.005)
    assert len({len(values) for values in curve.values()}) == 1


@pytest.mark.slow
def test_the_plain_one_knows_things_and_not_their_places(plain: Loaded, reached: dict[str, float]) -> None:
    """What hard batches and an order of wordings bring: relations; before, the model guesses within an axis."""
    scenes = Scenes(load_emoji(), "test", plain.model.config.vision.image_size).batch(range(1000))  # those of `reached`
    features = encode_images(plain.model, scenes.pixels)
    hits = attribute_hits(plain.model, plain.tokenizer, features, scenes.scenes, load_emoji(), ensemble=False)
    before = {name: hit.float().mean().item() for name, hit in hits.items()}
    assert before["object"] > 0.6 and before["background"] > 0.98
    assert before["relation"] < 0.65 < 0.95 < reached["zero_shot_relation"]


@pytest.mark.slow
def test_the_second_one_knows_everyday_things_and_was_trained_apart(shipped: Loaded) -> None:
    model, tokenizer, notes = load("everyday")
    report = brief_report(model, tokenizer, find_emoji(FIRST_WORDS))
    for name in ("recall_at_1", "zero_shot_object", "zero_shot_background"):
        assert report[name] == pytest.approx(notes["figures"][name], abs=0.03), name
    assert report["zero_shot_object"] > 0.9 and report["zero_shot_background"] > 0.97
    assert model.config != shipped.model.config and RECIPES["everyday"].start_from is None
    assert RECIPES["everyday"].train.seed not in {RECIPES[one].train.seed for one in RUNS["emoji"]}


@pytest.mark.slow
def test_everyday_searches(shipped: Loaded) -> None:
    images, _, scenes = collection(shipped.model.config.vision.image_size)
    features = encode_images(shipped.model, images)
    precision = first_page_precision(shipped.model, shipped.tokenizer, features, scenes)
    assert len(precision) == len(SEARCHES) == 50
    assert sum(precision.values()) / 50 >= 0.9
    # Whatever Unicode calls a car is one; half of the first page has been the bar since the first model.
    assert min(precision[words] for words in ("puppy", "car", "three cats", "a tiny rocket")) >= 0.5
    missed = [search.words for search in SEARCHES if search.relation and precision[search.words] < 1]
    assert missed == [], "one scene in 2,000 fits each of the six"


TURNED = {"left": "right", "right": "left", "above": "below", "over": "under"}


def test_left_is_told_from_right_in_every_search_for_a_place(shipped: Loaded) -> None:
    images, _, scenes = collection(shipped.model.config.vision.image_size)
    for search in (search for search in SEARCHES if search.relation):
        fitting = [n for n, scene in enumerate(scenes) if search.answered_by(scene)]
        turned = " ".join(TURNED.get(word, word) for word in search.words.split())
        right, wrong = encode_texts(shipped.model, shipped.tokenizer, [search.words, turned])
        seen = encode_images(shipped.model, images[fitting])  # (M, E)
        assert fitting and (seen @ right > seen @ wrong).all(), search.words
