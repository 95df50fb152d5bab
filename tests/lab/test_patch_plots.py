"""Patch tokens in colors: their first three principal components, and a figure that shows them."""

import numpy as np
import pytest
import torch

from clip_tutor.lab.plots import patch_plots


def test_like_tokens_have_one_color_and_unlike_ones_do_not():
    random = torch.Generator().manual_seed(0)
    kinds = torch.randn(3, 8, generator=random)
    tokens = kinds[torch.arange(32) % 3].view(2, 16, 8)
    colors = patch_plots.principal_colors([tokens])[0]
    assert colors.shape == (2, 16, 3)
    flat = colors.reshape(32, 3)
    np.testing.assert_allclose(flat[0], flat[3], atol=1e-6)
    assert np.abs(flat[0] - flat[1]).max() > 0.3


def test_colors_are_the_first_three_components():
    """Tokens that lie along three lines, the longest first, are red, green and blue along them."""
    random = torch.Generator().manual_seed(0)
    values = torch.randn(32, 3, generator=random, dtype=torch.float64)
    values = torch.linalg.qr(values - values.mean(dim=0))[0]  # (32, 3): of equal length, with nothing in common
    lines = torch.linalg.qr(torch.randn(8, 3, generator=random, dtype=torch.float64))[0].T  # (3, 8)
    tokens = (values * torch.tensor([9.0, 3.0, 1.0])) @ lines + 5
    (colors,) = patch_plots.principal_colors([tokens.view(2, 16, 8)])
    for channel in range(3):
        alike = np.corrcoef(colors[..., channel].ravel(), values[:, channel])[0, 1]
        assert abs(alike) > 0.97, "up to its sign, and but for the few that are cut off"


def test_equal_tokens_have_one_color():
    assert np.isfinite(patch_plots.principal_colors([torch.ones(1, 9, 5)])[0]).all()


@pytest.mark.filterwarnings("error")  # matplotlib warns when a layout fails
def test_a_row_holds_an_image_and_its_tokens_at_each_stage():
    figure = patch_plots.token_colors(torch.rand(3, 3, 8, 8), [torch.randn(3, 16, 8)] * 2, ["one", "two"], "Colors")
    assert len(figure.axes) == 9
    assert [axes.get_title(loc="center") for axes in figure.axes[:3]] == ["image", "one", "two"]
    assert figure.axes[1].images[0].get_array().shape == (4, 4, 3)
    figure.draw_without_rendering()
