"""The spherical distance is the published one, and pulls as hard as the angle is large."""

import math

import pytest
import torch
import torch.nn.functional as F

from clip_tutor.applications.guidance import spherical_distance


def published(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """`spherical_dist_loss` of CLIP guided diffusion, written down from its formula."""
    x, y = (F.normalize(one, dim=-1) for one in (x, y))
    return (x - y).norm(dim=-1).div(2).arcsin().pow(2).mul(2)


def at_angle(degrees: float) -> torch.Tensor:
    return torch.tensor([math.cos(math.radians(degrees)), math.sin(math.radians(degrees)), 0.0])


def test_it_is_the_published_distance():
    random = torch.Generator().manual_seed(0)
    x, y = 3 * torch.randn(5, 7, 16, generator=random), torch.randn(16, generator=random)
    torch.testing.assert_close(spherical_distance(x, y), published(x, y), atol=1e-5, rtol=1e-5)


def test_it_is_half_the_squared_angle_whatever_the_lengths():
    for degrees in (0, 30, 90, 150):
        found = spherical_distance(5 * at_angle(0), 0.1 * at_angle(degrees))
        assert found.item() == pytest.approx(math.radians(degrees) ** 2 / 2, abs=1e-5)


def test_the_farther_away_the_harder_it_pulls():
    lengths, of_cosine = [], []
    for degrees in (20, 60, 120, 170):
        for pulls, distance in (
            (lengths, spherical_distance),
            (of_cosine, lambda x, y: 1 - F.cosine_similarity(x, y, 0)),
        ):
            x = at_angle(degrees).requires_grad_()
            (gradient,) = torch.autograd.grad(distance(x, at_angle(0)), x)
            pulls.append(gradient.norm().item())
    assert lengths == pytest.approx([math.radians(degrees) for degrees in (20, 60, 120, 170)], abs=1e-3)
    assert of_cosine[-1] < of_cosine[0] < of_cosine[1] == pytest.approx(of_cosine[2], abs=1e-4)


def test_opposite_vectors_have_a_gradient():
    for x in (-at_angle(0), at_angle(0)):
        x = x.requires_grad_()
        (gradient,) = torch.autograd.grad(spherical_distance(x, at_angle(0)), x)
        assert bool(gradient.isfinite().all())


def test_vectors_of_two_clips_are_refused():
    with pytest.raises(ValueError, match=r"of 128 and of 512 numbers.*the same CLIP"):
        spherical_distance(torch.ones(2, 128), torch.ones(512))
