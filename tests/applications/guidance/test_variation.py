"""Total variation is the published one."""

import pytest
import torch
import torch.nn.functional as F

from clip_tutor.applications.guidance import total_variation


def published(pixels: torch.Tensor) -> torch.Tensor:
    """`tv_loss` of CLIP guided diffusion, written down from its formula."""
    padded = F.pad(pixels, (0, 1, 0, 1), "replicate")
    x, y = padded[..., :-1, 1:] - padded[..., :-1, :-1], padded[..., 1:, :-1] - padded[..., :-1, :-1]
    return (x**2 + y**2).mean([1, 2, 3])


def test_it_is_the_published_loss():
    pixels = torch.rand(3, 3, 9, 7, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(total_variation(pixels), published(pixels), atol=1e-6, rtol=1e-5)


def test_one_color_has_none_and_stripes_have_as_much_both_ways():
    stripes = torch.tensor([0.0, 1.0]).repeat(4).expand(2, 3, 8, 8)
    assert total_variation(torch.full((2, 3, 5, 5), 0.7)).tolist() == [0, 0]
    assert total_variation(stripes).tolist() == pytest.approx(total_variation(stripes.mT).tolist())
    assert total_variation(stripes)[0] == pytest.approx(7 / 8)
