"""Filters that are given scores and vectors: against what they say they are, computed pair by pair."""

import numpy as np
import pytest

from clip_tutor.data.curation import by_vectors
from clip_tutor.data.curation.by_vectors import (
    best_scores,
    blockwise_semantic_groups,
    clip_scores,
    first_of_each,
    high_scores,
    semantic_groups,
)
from tests.search.conftest import unit


def test_scores_are_cosines_of_images_and_their_own_captions():
    images, captions = unit(9, 8), unit(9, 8, seed=1)
    scores = clip_scores(images, captions)
    np.testing.assert_allclose(scores, [float(a @ b) for a, b in zip(images, captions, strict=True)], atol=1e-6)
    with pytest.raises(ValueError, match=r"are \(9, 8\) and \(8, 8\)"):
        clip_scores(images, captions[1:])
    with pytest.raises(ValueError, match=r"these are 2 to 2 long: divide each by its length"):
        clip_scores(images, 2 * captions)
    assert clip_scores(images[:0], captions[:0]).tolist() == []


def test_a_score_of_three_tenths_stays():
    assert high_scores(np.array([0.29, 0.3, 0.31])).tolist() == [False, True, True]
    assert high_scores(np.array([0.27, 0.28]), least=0.28).tolist() == [False, True]


@pytest.mark.parametrize("share", [0, 0.05, 0.3, 0.99, 1])
def test_the_best_share_is_what_stands_first_when_sorted(share):
    scores = np.random.default_rng(0).random(37)
    kept = best_scores(scores, share)
    count = int(share * 37)
    assert sorted(np.flatnonzero(kept)) == sorted(np.argsort(-scores)[:count])


def test_equal_scores_stay_together_and_a_share_is_no_percentage():
    assert best_scores(np.array([0.5, 0.1, 0.5, 0.5]), 0.3).tolist() == [True, False, True, True]
    assert best_scores(np.array([]), 0.3).tolist() == []
    with pytest.raises(ValueError, match="between 0 and 1, and this is 30"):
        best_scores(np.array([0.5]), 30)


def clip_retrievals_non_uniques(vectors: np.ndarray, threshold: float) -> list[set[int]]:
    """Groups as clip-retrieval finds them: neighbors above the threshold, connected."""
    neighbors = [set(np.flatnonzero(vectors @ vector > threshold).tolist()) for vector in vectors]
    groups, seen = [], set()
    for row in range(len(vectors)):
        if row not in seen:
            group, waiting = set(), {row}
            while waiting:
                here = waiting.pop()
                group.add(here)
                waiting |= neighbors[here] - group
            seen |= group
            groups.append(group)
    return groups


@pytest.mark.parametrize("rows", [1, 7, 1000])
@pytest.mark.parametrize("above", [0.94, 0.7, 0.3])
def test_groups_are_clip_retrievals(rows, above, monkeypatch):
    monkeypatch.setattr(by_vectors, "AT_ONCE", rows)
    some = unit(12, 8)
    vectors = np.concatenate(
        [some, some + 0.1 * unit(12, 8, seed=1), some[::2] + 0.3 * unit(6, 8, seed=2), unit(9, 8, seed=3)]
    )
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True))[np.random.default_rng(0).permutation(39)]
    groups = clip_retrievals_non_uniques(vectors, above)
    assert 1 < len(groups) < 39 or above == 0.3
    expected = [min(group) for row in range(39) for group in groups if row in group]
    assert semantic_groups(vectors, above).tolist() == expected
    assert blockwise_semantic_groups(vectors, above).tolist() == expected
    kept = first_of_each(semantic_groups(vectors, above))
    assert sorted(np.flatnonzero(kept)) == sorted(min(group) for group in groups), "one of each group"


def test_a_chain_is_one_group():
    angles = np.arange(6) * 0.3  # neighbors have a cosine of 0.955, the ends one of 0.07
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert semantic_groups(vectors).tolist() == [0] * 6
    assert semantic_groups(vectors, above=0.96).tolist() == list(range(6))


def test_vectors_of_other_lengths_are_refused():
    for groups in (semantic_groups, blockwise_semantic_groups):
        with pytest.raises(ValueError, match="divide each by its length"):
            groups(3 * unit(4, 8))
        assert groups(unit(4, 8).astype(np.float16)).tolist() == [0, 1, 2, 3]
