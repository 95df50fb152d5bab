"""The automata that come with the kit: small, honest about their making, and able to heal."""

from statistics import mean

import pytest
import torch

from clip_tutor import load
from clip_tutor.applications.guidance.automaton_files import SHIPPED, list_automata, load_automaton
from clip_tutor.applications.guidance.automaton_objectives import drawing_on_white
from clip_tutor.applications.guidance.automaton_regrowth import regrowth, similarities
from clip_tutor.assets import asset
from clip_tutor.embedding import encode_texts
from clip_tutor.weights import fingerprint


@pytest.fixture(scope="module")
def clip():
    return load("emoji")


def test_all_of_them_together_are_small():
    assert asset(SHIPPED).stat().st_size <= 500_000


def test_they_say_how_they_were_made(clip):
    made = fingerprint(clip.model)
    for name in list_automata():
        notes = load_automaton(name).notes
        assert notes["command"].startswith("python -m clip_tutor.applications.guidance.automaton_train")
        assert notes["clip"] == {"name": "emoji", "fingerprint": made}
    assert {bool(load_automaton(name).goal.drawing) for name in list_automata()} == {True, False}


def test_an_unknown_name_is_told():
    with pytest.raises(KeyError, match=r"no automaton is called 'cactus': take one of .*mushroom"):
        load_automaton("cactus")


@pytest.mark.slow
@pytest.mark.parametrize("name", list_automata())
def test_its_figures_are_measured_again(clip, name):
    automaton, goal, notes = load_automaton(name)
    (text,) = encode_texts(clip.model, clip.tokenizer, [goal.caption])
    target = drawing_on_white(goal.drawing, goal.side) if goal.drawing else None
    with torch.no_grad():
        looks = regrowth(automaton, clip.model, text, goal.side, target)
    for look, noted in zip(looks, notes["regrowth"], strict=True):
        assert mean(look.similarity) == pytest.approx(mean(noted["similarity"]), abs=0.02)
        assert look.distance == pytest.approx(noted["distance"], abs=0.02)
    before, damaged, _, last = looks
    if goal.drawing:  # most of what the hole took is back
        lost, missing = (mean(look.distance) - mean(look.twin_distance) for look in (damaged, last))
        assert missing < lost / 2
    else:
        (empty,) = similarities(clip.model, text, automaton.to_pixels(torch.zeros(1, 12, goal.side, goal.side)))
        assert mean(before.similarity) > empty + 0.25 and mean(damaged.similarity) < mean(last.similarity)
