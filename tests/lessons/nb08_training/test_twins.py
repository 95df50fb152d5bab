"""Twins differ in one fact alone, and the right one is right."""

import re

import pytest
import torch

from clip_tutor.data.drawing import BACKGROUNDS
from clip_tutor.data.emoji import FIRST_WORDS, find_emoji
from clip_tutor.data.scenes import Scene, Scenes
from clip_tutor.lessons.nb08_training.twins import FACTS, Twins, twins

OBJECTS = find_emoji(FIRST_WORDS)
COLORS = "|".join(BACKGROUNDS)


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return Scenes(OBJECTS, "test").scenes(range(300))


@pytest.fixture(scope="module")
def asked(scenes: list[Scene]) -> dict[str, Twins]:
    return twins(scenes, OBJECTS)


def test_each_fact_is_asked_of_the_scenes_that_have_it(scenes: list[Scene], asked: dict[str, Twins]):
    assert tuple(asked) == tuple(FACTS)
    assert asked["color"].rows == asked["thing"].rows == list(range(len(scenes)))
    assert all(scenes[row].relation for row in asked["place"].rows)
    assert all(scenes[row].size in ("tiny", "huge") for row in asked["size"].rows)
    assert all(not scenes[row].relation for row in asked["number"].rows)
    one_more = {*asked["place"].rows, *asked["size"].rows, *asked["number"].rows}
    assert one_more == set(range(len(scenes)))


def test_the_right_one_tells_the_truth(scenes: list[Scene], asked: dict[str, Twins]):
    for fact in FACTS:
        for row, right in zip(asked[fact].rows, asked[fact].right, strict=True):
            noun = scenes[row].objects[0].noun
            assert scenes[row].background in right
            assert noun.singular in right or noun.plural in right


def test_twins_differ_in_their_fact_alone(asked: dict[str, Twins]):
    def without(pattern: str, captions: list[str]) -> list[str]:
        return [re.sub(pattern, "·", caption) for caption in captions]

    color, place, size = asked["color"], asked["place"], asked["size"]
    for fact in FACTS:
        assert all(right != wrong for right, wrong in zip(asked[fact].right, asked[fact].wrong, strict=True))
    background = rf"\ban? ({COLORS}) background$"
    assert without(background, color.right) == without(background, color.wrong)
    relation = r"to the left of|to the right of|above|below"
    assert without(relation, place.right) == without(relation, place.wrong)
    adjective = r"^(a )?(small|tiny|giant|huge|big|little) "
    assert without(adjective, size.right) == without(adjective, size.wrong)


def test_the_same_seed_tells_the_same_lies(scenes: list[Scene], asked: dict[str, Twins]):
    assert twins(scenes, OBJECTS) == asked
    assert twins(scenes, OBJECTS, seed=1) != asked


def test_a_blind_model_is_right_half_of_the_time(asked: dict[str, Twins]):
    """Neither twin is longer, or comes first in the alphabet, more often than chance would have it."""
    for fact in ("color", "number", "place", "thing"):
        right, wrong = asked[fact].right, asked[fact].wrong
        first = torch.tensor([one < other for one, other in zip(right, wrong, strict=True)]).float().mean()
        assert 0.25 < first < 0.75, fact
