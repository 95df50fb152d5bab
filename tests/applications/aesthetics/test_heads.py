"""LAION's two heads: five layers are one, and vectors are scored at unit length."""

import pytest
import torch
from torch import nn

from clip_tutor.applications.aesthetics import FiveLayerHead, LinearHead, collapse
from tests.applications.aesthetics.conftest import E


def theirs(embed_dim: int) -> nn.Sequential:
    """The layers of improved-aesthetic-predictor."""
    return nn.Sequential(
        *(nn.Linear(embed_dim, 1024), nn.Dropout(0.2), nn.Linear(1024, 128), nn.Dropout(0.2)),
        *(nn.Linear(128, 64), nn.Dropout(0.1), nn.Linear(64, 16), nn.Linear(16, 1)),
    )


def test_the_five_layers_are_those_of_the_published_head():
    ours, published = FiveLayerHead(), theirs(768)
    assert [str(layer) for layer in ours.layers] == [str(layer) for layer in published]
    ours.layers.load_state_dict(published.state_dict())


def test_five_layers_are_one():
    torch.manual_seed(0)
    head, vectors = FiveLayerHead().eval(), torch.randn(20, 768)
    one = collapse(head)
    torch.testing.assert_close(one.score(vectors), head.score(vectors), atol=1e-5, rtol=1e-5)
    with torch.no_grad():
        torch.testing.assert_close(one(vectors), theirs_of(head)(vectors)[:, 0], atol=1e-5, rtol=1e-5)


def theirs_of(head: FiveLayerHead) -> nn.Sequential:
    """The published layers with the weights of ours, in evaluation mode."""
    published = theirs(head.embed_dim).eval()
    published.load_state_dict(head.layers.state_dict())
    return published


def test_the_length_of_a_vector_does_not_count(features):
    head = LinearHead.of(torch.full((E,), 5.0), 5.0)
    torch.testing.assert_close(head.score(17 * features), head.score(features))
    assert head(17 * features).max() > 20 > head.score(17 * features).max()


def test_scores_do_not_depend_on_dropout(features):
    head = FiveLayerHead(E).train()
    assert torch.equal(head.score(features), head.score(features)) and head.training


def test_a_direction_has_unit_length_and_points_to_what_is_liked(features):
    head = LinearHead.of(torch.linspace(-2, 3, E), 1.5)
    assert head.direction.norm().item() == pytest.approx(1) and head.bias == 1.5
    moved = features + 0.1 * head.direction
    assert bool((head(moved) > head(features)).all())


def test_vectors_of_another_clip_are_refused(features):
    with pytest.raises(ValueError, match=r"reads vectors \(N, 768\), not \(80, 24\).*belongs to the CLIP"):
        LinearHead(768).score(features)
