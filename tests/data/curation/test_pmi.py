"""Pointwise mutual information against its definition, and the way over disk against the plain one."""

import math
import random

import pytest

from clip_tutor.data.curation.counting import count_words
from clip_tutor.data.curation.counting_on_disk import count_on_disk
from clip_tutor.data.curation.pmi import best_bigrams, bigrams_by_pmi, pmi
from clip_tutor.data.curation.zipf_text import planted_bigram, zipf_lines


def test_it_is_the_logarithm_of_a_ratio_of_probabilities():
    draw = random.Random(0)
    for _ in range(200):
        first, second, total = draw.randint(1, 99), draw.randint(1, 99), draw.randint(200, 10**12)
        together = draw.randint(1, min(first, second))
        chance = (first / total) * (second / total)
        assert pmi(together, first, second, total) == pytest.approx(math.log2(together / total / chance), abs=1e-9)


def test_order_thresholds_and_ties():
    words, bigrams = count_words(["new york", "new york", "red car", "red bus", "old hat", "old hat", "red"])
    found = bigrams_by_pmi(words, bigrams, least_pmi=0)
    assert [text for text, _ in found] == ["new york", "old hat", "red bus", "red car"]
    scores = [math.log2(13 * 2 / 4)] * 2 + [math.log2(13 / 3)] * 2
    assert [score for _, score in found] == pytest.approx(scores)
    assert [text for text, _ in bigrams_by_pmi(words, bigrams, 2.5)] == ["new york", "old hat"]
    assert [text for text, _ in bigrams_by_pmi(words, bigrams, 0, least_count=2)] == ["new york", "old hat"]
    assert bigrams_by_pmi(words, bigrams, 3.5) == []


@pytest.mark.parametrize("most", [1, 3, 10, 10_000])
@pytest.mark.parametrize("least_count", [1, 2])
def test_the_best_on_disk_are_the_first_of_all(tmp_path, most, least_count):
    lines = list(zipf_lines(4000, seed=most, planted=30))
    words, bigrams = count_words(lines)
    counts = count_on_disk(lines, tmp_path)
    for least_pmi in (-5, 0, 5, math.log2(counts.total)):
        expected = bigrams_by_pmi(words, bigrams, least_pmi, least_count)[:most]
        assert best_bigrams(counts, least_pmi, least_count, most) == expected


def test_planted_bigrams_come_before_chance(tmp_path):
    lines = list(zipf_lines(50_000, seed=1, planted=40))
    words, bigrams = count_words(lines)
    found = dict(bigrams_by_pmi(words, bigrams, least_pmi=5, least_count=5))
    planted = {planted_bigram(number) for number in range(40)}
    often = {text for text in planted if bigrams[tuple(text.split())] >= 5}
    assert len(often) > 30
    assert often <= set(found)
    for text in often:
        first, second = text.split()
        assert bigrams[first, second] == words[first] == words[second], "they occur nowhere else"
        assert found[text] == pytest.approx(math.log2(words.total() / words[first]))
    assert len(set(found) - planted) < len(often)


def test_a_threshold_out_of_reach_says_how_far_it_could_be(tmp_path):
    said = "no bigram of 4 words can reach a PMI of 30 bits.*have 2.0"
    with pytest.raises(ValueError, match=said):
        bigrams_by_pmi(*count_words(["a red car now"]), 30)
    with pytest.raises(ValueError, match=said):
        best_bigrams(count_on_disk(["a red car now"], tmp_path), 30, 1, 10)


def test_an_empty_corpus_has_none(tmp_path):
    assert bigrams_by_pmi(*count_words([]), 30) == []
    assert best_bigrams(count_on_disk([], tmp_path), 30, 1, 10) == []
