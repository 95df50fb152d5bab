"""Hubs, kept neighbors, alignment and uniformity: by hand, by scipy, and at the ends of what they can be."""

import math

import pytest
import torch
import torch.nn.functional as F
from scipy.stats import skew

from clip_tutor.evaluation.neighbors import hubness, k_occurrences, kept_neighbors
from clip_tutor.evaluation.uniformity import alignment_and_uniformity, uniformity


def directions(count: int, E: int = 8, seed: int = 0) -> torch.Tensor:
    return F.normalize(torch.randn(count, E, generator=torch.Generator().manual_seed(seed)), dim=-1)


def test_k_occurrences_by_hand():
    similarity = torch.tensor([[0.9, 0.8, 0.1], [0.2, 0.7, 0.6], [0.3, 0.5, 0.1]])
    assert k_occurrences(similarity, 1).tolist() == [1, 2, 0]
    assert k_occurrences(similarity, 2).tolist() == [2, 3, 1]
    found = hubness(similarity, 1)
    assert (found.largest, found.never) == (2, pytest.approx(1 / 3))
    assert "most often chosen" in str(found)


def test_the_skewness_is_scipys():
    similarity = directions(60) @ directions(40, seed=1).T
    assert hubness(similarity, 5).skewness == pytest.approx(skew(k_occurrences(similarity, 5).numpy()))
    assert hubness(torch.eye(6), 1).skewness == 0.0


def test_a_map_that_is_the_space_keeps_all_neighbors_and_one_of_chance_few():
    angles = torch.rand(200, generator=torch.Generator().manual_seed(0)) * math.pi / 2
    circle = torch.stack([angles.cos(), angles.sin()], dim=1)
    assert kept_neighbors(circle, 3 * circle + 5, k=7) == 1.0
    anywhere = torch.rand(200, 2, generator=torch.Generator().manual_seed(1))
    assert kept_neighbors(circle, anywhere, k=10) == pytest.approx(10 / 199, abs=0.03)


def test_alignment_and_uniformity_at_their_ends():
    same = directions(1).expand(5, -1)
    assert uniformity(same) == pytest.approx(0, abs=1e-6)
    right_angles = torch.eye(6)
    assert uniformity(right_angles) == pytest.approx(-4.0)
    found = alignment_and_uniformity(right_angles, -right_angles)
    assert found.alignment == pytest.approx(4.0) and found.text_uniformity == pytest.approx(-4.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: k_occurrences(torch.zeros(3, 2), 3), "M ≥ 3"),
        (lambda: k_occurrences(torch.full((3, 4), torch.nan), 2), "are NaN"),
        (lambda: kept_neighbors(directions(5), torch.zeros(4, 2), 2), "5 vectors and 4 places"),
        (lambda: kept_neighbors(directions(5), torch.zeros(5, 2), 5), "more than k = 5"),
        (lambda: uniformity(directions(1)), "two of them"),
        (lambda: alignment_and_uniformity(directions(3), directions(4)), "one caption for each image"),
    ],
)
def test_what_cannot_be_measured_is_told(call, message):
    with pytest.raises(ValueError, match=message):
        call()
