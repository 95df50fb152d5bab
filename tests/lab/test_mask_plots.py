"""Figures of notebook 06: crosses where a mask hides, lines that end at their images, bars with intervals."""

import pytest
import torch

from clip_tutor.lab.plots import mask_plots


def test_what_a_mask_hides_is_crossed_out():
    seen = torch.ones(4, 4, dtype=torch.bool).tril()
    shares = seen / seen.sum(dim=-1, keepdim=True)
    figure = mask_plots.attention_square({"causal": (shares, seen)}, list("abcd"))
    (axes,) = figure.axes
    assert len(axes.lines) == 6, "a cross in each hidden field"
    assert [label.get_text() for label in axes.get_yticklabels()] == list("abcd")
    assert axes.get_xlabel() and axes.get_ylabel()


@pytest.mark.parametrize("images", [1, 4])
def test_each_image_has_its_line(images: int):
    nearness = torch.rand(5, images)
    figure = mask_plots.growing_prefix(nearness, list("abcde"), torch.rand(images, 3, 8, 8))
    axes = figure.axes[0]
    assert len(axes.lines) == images
    assert axes.lines[0].get_ydata() == pytest.approx(nearness[:, 0].tolist())
    assert len(axes.child_axes) == images


def test_images_that_would_cover_each_other_are_moved_apart():
    moved = mask_plots._spread([0.5, 0.51, 0.0], least=0.2)
    assert sorted(moved) == pytest.approx([-0.0633, 0.4367, 0.6367], abs=1e-3)
    assert moved[1] > moved[0] > moved[2], "and keep their order"


def test_bars_show_recall_and_interval():
    figure = mask_plots.readings({"end token": (0.9, 0.8, 0.95), "start token": (0.1, 0.05, 0.2)}, "Two ways")
    (axes,) = figure.axes
    assert [bar.get_width() for bar in axes.patches] == [0.9, 0.1]
    assert [list(line.get_xdata()) for line in axes.lines] == [[0.8, 0.95], [0.05, 0.2]]
