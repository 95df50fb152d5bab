"""The modality gap: figures of cones whose angles are known, and what moving one of them does."""

import math

import pytest
import torch
import torch.nn.functional as F

from clip_tutor.evaluation.modality_gap import along_the_gap, gap_vector, modality_gap, move_texts
from clip_tutor.evaluation.retrieval import recall_at_k
from clip_tutor.losses import contrastive_loss


def two_cones(gap: float, pairs: int = 60, spread: float = 0.3) -> tuple[torch.Tensor, torch.Tensor]:
    """Return unit vectors of pairs that differ by a little noise, pushed apart along the first axis."""
    torch.manual_seed(0)
    shared = spread * torch.randn(pairs, 16)
    shared[:, 0] = 0
    push = torch.zeros(16)
    push[0], push[1] = gap / 2, 1.0
    images = F.normalize(shared + push, dim=-1)
    push[0] = -gap / 2
    return images, F.normalize(shared + 0.05 * torch.randn(pairs, 16) + push, dim=-1)


def test_two_single_directions_have_the_gap_of_their_angle():
    images = torch.tensor([[1.0, 0.0]] * 4)
    texts = torch.tensor([[0.0, 1.0]] * 4)
    found = modality_gap(images, texts)
    assert found.gap == pytest.approx(math.sqrt(2))
    assert (found.image_cone, found.text_cone) == (pytest.approx(1), pytest.approx(1))
    assert (found.own_cosine, found.other_cosine, found.told_apart) == (pytest.approx(0), pytest.approx(0), 1.0)


def test_means_are_those_counted_pair_by_pair():
    images, texts = two_cones(0.5)
    found = modality_gap(images, texts)
    others = ~torch.eye(len(images), dtype=torch.bool)
    assert found.image_cone == pytest.approx((images @ images.T)[others].mean().item(), abs=1e-5)
    assert found.text_cone == pytest.approx((texts @ texts.T)[others].mean().item(), abs=1e-5)
    assert found.other_cosine == pytest.approx((images @ texts.T)[others].mean().item(), abs=1e-5)
    assert found.own_cosine == pytest.approx((images @ texts.T).diagonal().mean().item(), abs=1e-5)
    assert found.gap == pytest.approx((images.mean(0) - texts.mean(0)).norm().item(), abs=1e-6)


def test_without_a_gap_the_modalities_cannot_be_told_apart_by_it():
    images, _ = two_cones(0.0)
    assert modality_gap(images, images.clone()).gap == pytest.approx(0, abs=1e-6)
    assert modality_gap(*two_cones(1.0)).told_apart == 1.0
    assert modality_gap(*two_cones(0.0)).told_apart < 0.8


def test_captions_moved_by_nothing_stay_where_they_are_and_by_one_gap_meet_the_images():
    images, texts = two_cones(0.8)
    vector = gap_vector(images, texts)
    assert torch.allclose(move_texts(texts, vector, 0.0), texts, atol=1e-6)
    moved = move_texts(texts, vector, 1.0)
    assert torch.allclose(moved.norm(dim=1), torch.ones(len(moved)), atol=1e-6)
    assert modality_gap(images, moved).gap < 0.1 * modality_gap(images, texts).gap


def test_the_curve_is_what_each_amount_measures():
    images, texts = two_cones(0.8)
    curve = along_the_gap(images, texts, 20.0, amounts=(-0.5, 0.0, 1.0))
    assert curve.amounts == (-0.5, 0.0, 1.0)
    similarity = texts @ images.T
    assert curve.text_to_image[1] == recall_at_k(similarity, 1)
    assert curve.image_to_text[1] == recall_at_k(similarity.T, 1)
    assert curve.losses[1] == pytest.approx(contrastive_loss(images, texts, 20.0).item(), abs=1e-5)
    assert curve.gaps[0] > curve.gaps[1] > curve.gaps[2]


def test_recall_counts_captions_and_images_the_right_way_round():
    """Two captions of one direction: the images cannot tell them apart, but each caption has its own best image."""
    images = F.normalize(torch.tensor([[1.0, 0.2, 0.0], [1.0, -0.2, 0.0], [0.0, 0.0, 1.0]]), dim=-1)
    texts = F.normalize(torch.tensor([[1.0, 0.1, 0.0], [1.0, 0.1, 0.0], [0.0, 0.0, 1.0]]), dim=-1)
    curve = along_the_gap(images, texts, 1.0, amounts=(0.0,))
    assert curve.text_to_image == (pytest.approx(2 / 3),)
    assert curve.image_to_text == (pytest.approx(1 / 3),)


@pytest.mark.parametrize(
    ("images", "texts", "said"),
    [
        (torch.eye(3)[:1], torch.eye(3)[:1], "two pairs or more"),
        (torch.eye(3), torch.eye(3)[:2], "as many captions"),
        (
            torch.eye(3),
            torch.full((3, 3), torch.nan),
            "3 of 3 vectors of captions hold NaN or infinity, the first in row 0",
        ),
        (torch.tensor([[1.0, 0], [torch.inf, 0]]), torch.eye(2), "1 of 2 vectors of images"),
    ],
)
def test_what_cannot_be_measured_is_said(images: torch.Tensor, texts: torch.Tensor, said: str):
    with pytest.raises(ValueError, match=said):
        modality_gap(images, texts)
    with pytest.raises(ValueError, match=said):
        along_the_gap(images, texts, 10.0)


def test_results_print_as_tables():
    images, texts = two_cones(0.5)
    assert "told apart by the gap alone" in str(modality_gap(images, texts))
    assert "moved by +1.00" in str(along_the_gap(images, texts, 10.0, (0.0, 1.0)))
