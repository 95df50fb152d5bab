"""Mutual information: by hand, as scikit-learn counts it, and what of it is chance."""

import math

import pytest
import torch
from sklearn.metrics import mutual_info_score

from clip_tutor.evaluation.information import information, mutual_information, numbered


def test_by_hand():
    assert mutual_information(torch.tensor([0, 1, 2, 1]), torch.tensor([0, 0, 1, 1])) == pytest.approx(0.5)
    assert mutual_information(torch.arange(8), torch.arange(8)) == pytest.approx(3)
    assert mutual_information(torch.zeros(8, dtype=torch.long), torch.arange(8)) == pytest.approx(0)


def test_it_is_what_scikit_learn_counts_in_nats():
    random = torch.Generator().manual_seed(0)
    for N, words, facts in ((10, 3, 2), (500, 40, 12)):
        one, other = torch.randint(words, (N,), generator=random), torch.randint(facts, (N,), generator=random)
        assert mutual_information(one, other) == pytest.approx(mutual_info_score(one, other) / math.log(2))


@pytest.mark.parametrize(("words", "facts"), [((3,), (4,)), ((0,), (0,)), ((2, 2), (2, 2))])
def test_one_word_and_one_fact_a_pair(words: tuple[int, ...], facts: tuple[int, ...]):
    with pytest.raises(ValueError, match="one word and one fact a pair"):
        mutual_information(torch.zeros(words, dtype=torch.long), torch.zeros(facts, dtype=torch.long))


def test_words_dealt_out_blindly_tell_nothing():
    random = torch.Generator().manual_seed(0)
    words, facts = (torch.randint(20, (500,), generator=random).tolist() for _ in range(2))
    found = information(words, facts)
    assert found.measured > 0.4, "which seems to be something"
    assert found.told < 0.03
    assert found.share < 0.01


def test_what_is_told_is_found_beside_the_chance():
    random = torch.Generator().manual_seed(0)
    facts = torch.randint(8, (4000,), generator=random)
    words = facts // 2 * 50 + torch.randint(50, (4000,), generator=random)  # 200 words that tell 2 of 3 bits
    found = information(words.tolist(), facts.tolist())
    assert found.entropy == pytest.approx(3, abs=0.01)
    assert found.told == pytest.approx(2, abs=0.25)
    assert found.told < found.measured


def test_no_word_is_a_word():
    found = information([None, "red", None, "blue"] * 50, ["red", "red", "blue", "blue"] * 50)
    assert found.measured == pytest.approx(0.5)
    assert "there is to tell    1.000 bits" in str(found)
    assert found.as_json()["pairs"] == 200


def test_equal_values_have_one_number():
    assert numbered(["b", None, "b", ("a", 1)]).tolist() == [0, 1, 0, 2]


def test_a_fact_that_is_always_the_same_has_nothing_to_tell():
    assert information(["a", "b"] * 5, ["red"] * 10).share == 0
