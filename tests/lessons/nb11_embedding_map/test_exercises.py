"""The references of notebook 11 are the library's."""

import pytest
import torch

from clip_tutor.evaluation import modality_gap as gaps
from clip_tutor.evaluation import neighbors, uniformity
from clip_tutor.lessons.nb11_embedding_map.exercises.gap import close_gap, two_cones
from clip_tutor.lessons.nb11_embedding_map.exercises.neighbors import count_hubs, kept_neighbors
from clip_tutor.lessons.nb11_embedding_map.exercises.spread import alignment_uniformity
from clip_tutor.lessons.nb11_embedding_map.exercises.whitening import cloud, whiten


@pytest.fixture
def cones() -> tuple[torch.Tensor, torch.Tensor]:
    return two_cones(5, 40, 40, E=16)


def test_gap_and_moved_captions_are_the_librarys(cones):
    length, moved = close_gap(*cones, 0.7)
    assert length == pytest.approx(gaps.modality_gap(*cones).gap)
    torch.testing.assert_close(moved, gaps.move_texts(cones[1], gaps.gap_vector(*cones), 0.7))


def test_alignment_and_uniformity_are_the_librarys(cones):
    found = uniformity.alignment_and_uniformity(*cones)
    right = (found.alignment, found.image_uniformity, found.text_uniformity)
    assert alignment_uniformity(*cones) == pytest.approx(right)


def test_kept_neighbors_and_hubs_are_the_librarys(cones):
    images, texts = cones
    places = images[:, :2] + 3
    assert kept_neighbors(images, places, 4) == pytest.approx(neighbors.kept_neighbors(images, places, 4))
    counts, skewness = count_hubs(texts @ images.T, 3)
    assert torch.equal(counts, neighbors.k_occurrences(texts @ images.T, 3))
    assert skewness == pytest.approx(neighbors.hubness(texts @ images.T, 3).skewness)


@pytest.mark.slow
def test_whitened_vectors_are_those_of_scikit_learn():
    from sklearn.decomposition import PCA

    fit, features = cloud(3, 60), cloud(4, 9)
    right = torch.from_numpy(PCA(3, whiten=True, svd_solver="full").fit(fit.numpy()).transform(features.numpy()))
    # scikit-learn divides the variance by M − 1.
    torch.testing.assert_close(whiten(fit, features, 3).abs(), right.abs() * (60 / 59) ** 0.5, rtol=1e-3, atol=1e-4)
