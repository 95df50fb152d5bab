"""Scale, gap, arcs and edits on the sphere of embeddings."""

import math

import pytest
import torch

from clip_tutor.applications.unclip import (
    check_embeddings,
    edit,
    interpolate,
    mean_difference,
    shifted,
    to_unit,
    to_variance_1,
)
from tests.applications.unclip.conftest import E

SOME = torch.randn(2, 40, E, generator=torch.Generator().manual_seed(0))
A, B = to_unit(SOME)


def test_an_embedding_to_be_diffused_is_as_long_as_noise():
    assert to_variance_1(A).square().mean() == pytest.approx(1, rel=1e-5)
    torch.testing.assert_close(to_unit(to_variance_1(A)), A)


def test_the_shift_closes_the_gap_between_the_means_and_nothing_else():
    images, texts = to_unit(SOME + torch.tensor([[[3.0]], [[-1.0]]]))
    difference = mean_difference(images, texts)
    torch.testing.assert_close((texts + difference).mean(dim=0), images.mean(dim=0))
    moved = shifted(texts, difference)
    torch.testing.assert_close(moved.norm(dim=1), torch.ones(40))
    torch.testing.assert_close(moved, to_unit(texts + images.mean(dim=0) - texts.mean(dim=0)))


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_an_arc_is_walked_evenly_and_stays_on_the_sphere(share):
    between = interpolate(A, B, share)
    torch.testing.assert_close(between.norm(dim=1), torch.ones(40))
    whole, part = ((A * other).sum(dim=1).clamp(-1, 1).arccos() for other in (B, between))
    torch.testing.assert_close(part, share * whole, atol=1e-3, rtol=1e-3)
    rest = (between * B).sum(dim=1).clamp(-1, 1).arccos()
    torch.testing.assert_close(part + rest, whole, atol=2e-3, rtol=1e-3)


def test_between_an_embedding_and_itself_nothing_changes():
    torch.testing.assert_close(interpolate(A, A, 0.3), A)
    with pytest.raises(ValueError, match="two embeddings point in opposite directions"):
        interpolate(A, -A, 0.5)


def test_an_edit_turns_the_image_towards_what_the_texts_differ_in():
    axis = torch.eye(E)
    image, before, after = axis[:1], to_unit(axis[3:4] + axis[1:2]), to_unit(axis[3:4] + axis[2:3])
    edited = edit(image, before, after, 0.5)
    expected = math.sqrt(0.5) * axis[0] + 0.5 * (axis[2] - axis[1])  # what both texts share, axis 3, plays no part
    torch.testing.assert_close(edited[0], expected)
    torch.testing.assert_close(edit(A, before, after, 0.0), A)
    with pytest.raises(ValueError, match="have the same embedding: say what is to change"):
        edit(A, B, B, 0.3)


@pytest.mark.parametrize(
    ("embeddings", "message"),
    [
        (torch.ones(3, 8), r"embeddings of shape \(3, 8\), and this model reads \(B, 16\): take those of the CLIP"),
        (torch.ones(E), r"embeddings of shape \(16,\), and this model reads \(B, 16\)"),
        (torch.ones(3, E), "embeddings must have length 1, and these have 4 to 4: divide each"),
        (torch.full((3, E), torch.nan), "embeddings must have length 1, and these have nan"),
    ],
)
def test_embeddings_of_another_clip_or_scale_are_refused(embeddings, message):
    with pytest.raises(ValueError, match=message):
        check_embeddings(embeddings, E)
