"""Hard negatives: what differs between two captions, what a blind model and a bag of words get, and the score."""

import json
import math
import re

import numpy as np
import pytest
import torch

from clip_tutor.data.captions import OPPOSITE
from clip_tutor.data.drawing import BACKGROUNDS
from clip_tutor.data.emoji import FIRST_WORDS, find_emoji
from clip_tutor.data.scenes import RELATIONS, Batch, Scenes
from clip_tutor.evaluation.caption_model import CaptionModel, words_of
from clip_tutor.evaluation.hard_negatives import (
    bag_of_words_ceiling,
    blind_hits,
    hard_negative_report,
    model_hits,
    score,
)
from clip_tutor.evaluation.wrong_captions import Question, questions, swapped_sizes, told, wrong_scenes
from clip_tutor.weights import Loaded, load

OBJECTS = find_emoji(FIRST_WORDS)
WORDING = (0.0, 0.0, 0.9, 0.0, 0.0, 0.9)
COUNT = 300


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    return Scenes(OBJECTS, "test")


@pytest.fixture(scope="module")
def batch(scenes: Scenes) -> Batch:
    return scenes.batch(range(COUNT))


@pytest.fixture(scope="module")
def asked(scenes: Scenes, batch: Batch) -> dict[str, list[Question]]:
    return questions(batch, scenes)


@pytest.fixture(scope="module")
def blind() -> CaptionModel:
    return CaptionModel(scene.caption for scene in Scenes(OBJECTS).scenes(range(5000)))


def test_a_wrong_scene_differs_in_its_fact_alone(batch: Batch):
    fact = {
        "replaced object": ("objects",),
        "replaced count": ("count",),
        "replaced background": ("background",),
        "replaced size": ("size",),
        "replaced relation": ("relation",),
        "swapped objects": ("objects",),
    }
    fields = ("objects", "count", "background", "size", "relation")
    for scene in batch.scenes:
        for kind, candidates in wrong_scenes(scene, OBJECTS, (0.3, 0.6, 0.9)).items():
            wrong = next(candidates)
            assert tuple(f for f in fields if getattr(scene, f) != getattr(wrong, f)) == fact[kind]
            assert wrong.truth != scene.truth


def test_every_kind_is_asked(asked: dict[str, list[Question]], batch: Batch):
    kinds = {"object", "count", "background", "size", "relation"}
    assert set(asked) == {*(f"replaced {kind}" for kind in kinds), "swapped objects", "shuffled words"}
    assert all(batch.scenes[one.row].relation for one in asked["swapped objects"])
    assert all(one.right != one.wrong for many in asked.values() for one in many)


def test_a_wrong_caption_says_nothing_that_training_withholds(scenes: Scenes, asked: dict[str, list[Question]]):
    """Without the rule, a model could know a wrong caption by what it has never been told."""
    colors, row_of = list(BACKGROUNDS), {}
    for row, emoji in enumerate(OBJECTS):
        row_of |= {emoji.noun.singular: row, emoji.noun.plural: row}
    for kind in set(asked) - {"shuffled words"}:
        for one in asked[kind]:
            found = {noun for noun in row_of if re.search(rf"\b{noun}\b", one.wrong)}
            whole = {noun for noun in found if not any(noun in other for other in found - {noun})}  # no bear of a teddy
            color = re.search(rf"\b({'|'.join(colors)})( background|$)", one.wrong)[1]
            rows = [row_of[noun] for noun in whole]
            assert not scenes.withheld_colors[rows, colors.index(color)].any(), one.wrong
    for one in asked["replaced relation"]:
        (scene,) = scenes.scenes([one.row])
        first, second = (np.array([OBJECTS.index(emoji)]) for emoji in scene.objects)
        assert scenes.permitted_sides(first, second)[0, RELATIONS.index(OPPOSITE[scene.relation])], one.wrong


def test_swapped_captions_have_the_same_words(scenes: Scenes, asked: dict[str, list[Question]]):
    for one in (*asked["swapped objects"], *asked["shuffled words"], *swapped_sizes(scenes, 50)[1]):
        assert sorted(words_of(one.right)) == sorted(words_of(one.wrong))


def test_swapped_sizes_are_drawn_as_they_are_told(scenes: Scenes):
    """The small thing covers less of the image than the large one, and neither the edge nor the other one."""
    batch, asked = swapped_sizes(scenes, 80)
    for row, right, *_ in asked:
        scene = batch.scenes[row]
        first = right.index(scene.objects[0].noun.singular)
        second = right.rindex(scene.objects[1].noun.singular)
        assert (right.index("tiny ") < right.index("huge ")) == (right[:first].endswith("tiny ")), right
        assert first < second
        background = batch.pixels[row, :, :1, :1].float()
        covered = (batch.pixels[row].float() - background).abs().amax(dim=0) > 30  # (H, W)
        half = covered.shape[0] // 2
        sideways = scene.relation in ("left of", "right of")
        before, after = (covered[:, :half], covered[:, half:]) if sideways else (covered[:half], covered[half:])
        tiny_before = (scene.relation in ("left of", "above")) == right[:first].endswith("tiny ")
        if min(before.sum(), after.sum()) > 40 and abs(before.sum() - after.sum()) > 300:
            assert (before.sum() < after.sum()) == tiny_before, right


def test_a_bag_of_words_must_guess_where_the_words_are_the_same(scenes: Scenes, asked: dict[str, list[Question]]):
    ceilings = {kind: bag_of_words_ceiling(one) for kind, one in asked.items()}
    assert ceilings["swapped objects"] == ceilings["shuffled words"] == 0.5
    assert bag_of_words_ceiling(swapped_sizes(scenes, 50)[1]) == 0.5
    assert ceilings["replaced object"] == ceilings["replaced count"] == ceilings["replaced background"] == 1.0


def test_neither_left_nor_right_tells_a_bag_of_words_where_things_are(asked: dict[str, list[Question]]):
    """ "a left of b" is "b right of a": of both images, both bags of words are true."""
    assert bag_of_words_ceiling(asked["replaced relation"]) == 0.5


def test_a_blind_model_passes_shuffled_words_and_no_swap(blind: CaptionModel, asked: dict[str, list[Question]]):
    blind_share = {kind: blind_hits(blind, one).mean().item() for kind, one in asked.items()}
    assert blind_share["shuffled words"] > 0.99
    assert 0.35 < blind_share["swapped objects"] < 0.65
    assert 0.4 < blind_share["replaced background"] < 0.6


def test_caption_model_is_a_probability():
    model = CaptionModel(["a dog on red", "a cat on red", "two dogs"])
    vocabulary = ["a", "dog", "on", "red", "cat", "two", "dogs", "<end>"]
    for before in (["<start>", "a"], ["on", "red"], ["cat", "dogs"]):
        known = sum(model._probability([*before, word]) for word in vocabulary)
        assert known == pytest.approx(1.0 if before != ["cat", "dogs"] else known)
    assert known <= 1.0
    assert model.log_likelihood("a dog on red") > model.log_likelihood("red on dog a")
    assert math.isfinite(model.log_likelihood("a zebra"))


def test_caption_model_needs_words():
    with pytest.raises(ValueError, match="needs captions with words"):
        CaptionModel(["", "  "])


def test_equal_captions_count_half_and_nan_nothing(asked: dict[str, list[Question]]):
    one = [Question(0, "a dog", "a dog", "a dog"), Question(1, "a dog", "a cat", "a dog")]
    model, tokenizer, _ = load("emoji")
    images = torch.zeros(2, model.config.embed_dim)
    images[1] = torch.nan
    assert model_hits(model, tokenizer, images, one).tolist() == [0.5, 0.0]


def test_score_holds_what_was_measured():
    one = [Question(0, "a b", "b a", "a b"), Question(1, "a c", "a d", "a c")]
    found = score(torch.tensor([1.0, 0.0]), torch.tensor([0.5, 0.5]), one)
    assert (found.asked, found.accuracy, found.blind, found.bag_of_words) == (2, 0.5, 0.5, 0.75)
    assert found.low <= found.accuracy <= found.high
    assert (found.right, found.wrong) == ("a b", "b a")


def test_told_is_the_plain_caption_of_a_scene(batch: Batch):
    scene = next(scene for scene in batch.scenes if scene.relation)
    assert all(emoji.noun.singular in told(scene, WORDING) for emoji in scene.objects)


@pytest.fixture(scope="module")
def shipped() -> Loaded:
    return load("emoji")


@pytest.mark.slow
def test_report_of_the_shipped_model(shipped: Loaded, tmp_path):
    report = hard_negative_report(shipped.model, shipped.tokenizer, OBJECTS, count=150)
    assert report.kinds["replaced background"].accuracy > 0.95
    assert report.kinds["shuffled words"].blind > report.kinds["shuffled words"].accuracy
    assert "bag of words at most 0.500" in str(report)
    report.save(tmp_path / "hard.json")
    assert json.loads((tmp_path / "hard.json").read_text())["kinds"]["swapped sizes"]["asked"] == 150


def test_nothing_to_ask_is_said(shipped: Loaded):
    with pytest.raises(ValueError, match="count is 0"):
        hard_negative_report(shipped.model, shipped.tokenizer, OBJECTS, count=0)
