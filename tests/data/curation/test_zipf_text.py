"""Generated text: its frequencies are the law's, and its vocabulary keeps growing."""

from collections import Counter

import numpy as np

from clip_tutor.data.curation.zipf_text import BEND, LARGEST, planted_bigram, spell, zipf_lines, zipf_ranks


def test_frequencies_fall_as_the_law_says():
    grid = (np.arange(2_000_000) + 0.5) / 2_000_000
    ranks = zipf_ranks(grid)
    share = np.bincount(np.minimum(ranks, 4 * BEND)) / len(ranks)
    np.testing.assert_allclose(share[1:2].sum(), share[10:20].sum(), rtol=0.01)  # ln 2 both
    np.testing.assert_allclose(share[100:200].sum(), share[1000:2000].sum(), rtol=0.01)
    # Beyond the bend: between R and 2R lies 2^0.8 times as much as between 2R and 4R.
    beyond = [share[low : 2 * low].sum() for low in (BEND, 2 * BEND)]
    np.testing.assert_allclose(beyond[0] / beyond[1], 2**0.8, rtol=0.02)


def test_every_number_gives_a_rank():
    ends = zipf_ranks(np.array([0, 1 - 2.0**-53]))
    assert ends[0] == 1 and BEND < ends[1] <= LARGEST


def test_each_rank_has_a_word_of_its_own():
    ranks = [*range(1, 20_000), *range(LARGEST, LARGEST + 100)]
    assert len({spell(rank) for rank in ranks}) == len(ranks)
    assert len({word for number in range(50) for word in planted_bigram(number).split()}) == 100


def test_the_vocabulary_grows_with_the_text():
    words = [word.strip(",.") for line in zipf_lines(80_000, seed=0) for word in line.split()]
    assert len(words) == 80_000
    sizes = [len(set(words[:count])) for count in (20_000, 40_000, 80_000)]
    assert sizes[0] * 1.3 < sizes[1] and sizes[1] * 1.3 < sizes[2]


def test_lines_are_as_long_as_asked_and_the_same_each_time():
    lines = list(zipf_lines(5000, seed=3, longest=16, planted=5))
    assert max(len(line.split()) for line in lines) <= 2 * 16
    assert lines == list(zipf_lines(5000, seed=3, longest=16, planted=5))
    assert lines != list(zipf_lines(5000, seed=4, longest=16, planted=5))
    assert all(line.endswith(".") for line in lines)


def test_bigrams_are_planted():
    planted = [planted_bigram(number) for number in range(8)]
    counted = Counter(text for line in zipf_lines(50_000, seed=0, planted=8) for text in planted if text in line)
    assert set(counted) == set(planted)
    assert 500 < counted.total() < 1100
