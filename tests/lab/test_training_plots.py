"""The figures of training: what stands in them, and that they can be drawn for runs that are short or went wrong."""

import itertools
import math

import pytest
import torch
from matplotlib.figure import Figure

from clip_tutor.lab import training_plots as plots
from clip_tutor.losses import contrastive_loss
from tests.lab.conftest import texts

pytestmark = pytest.mark.filterwarnings("error")  # matplotlib warns when a layout fails


pytestmark = pytest.mark.usefixtures("course_style")


def labeled(figure: Figure) -> bool:
    return bool(figure.get_suptitle()) or all(axes.get_title(loc="left") for axes in figure.axes)


@pytest.mark.parametrize("count", [1, 6])
def test_a_film_has_one_scale_of_colors(count: int):
    frames = [torch.eye(8) * n for n in range(count)]
    images = [torch.zeros(3, 4, 4)] * 8
    figure = plots.film_strip(frames, [f"{n} s" for n in range(count)], images)
    figure.draw_without_rendering()
    panels = figure.axes[:count]
    assert [axes.get_title(loc="left") for axes in panels] == [f"{n} s" for n in range(count)]
    assert len({axes.images[0].get_clim() for axes in panels}) == 1
    assert all(len(axes.images) == 9 for axes in panels)
    assert labeled(figure)


def test_a_film_needs_a_name_for_each_frame():
    with pytest.raises(ValueError, match="2 frames need as many names, not 1"):
        plots.film_strip([torch.eye(2), torch.eye(2)], ["0 s"])


@pytest.mark.parametrize("length", [1, 7])
def test_progress_draws_the_records_that_were_measured(length: int):
    history = [
        {"step": n, "batch_size": 64} | ({"color": n / 10, "thing": 0.5} if n % 2 == 0 else {}) for n in range(length)
    ]
    figure = plots.progress(history, ["color", "thing"], chance=0.25)
    guessing, color, _ = figure.axes[0].lines
    assert list(guessing.get_ydata()) == [0.25, 0.25]
    assert [tuple(point) for point in color.get_xydata()] == [(64 * n, n / 10) for n in range(0, length, 2)]
    assert sorted(texts(figure)) == ["color", "guessing", "thing"]
    assert labeled(figure)


def test_names_at_the_ends_of_lines_do_not_lie_upon_each_other():
    figure = plots.progress([{"step": 1, "batch_size": 64, "a": 1.0, "b": 0.99, "c": 1.0}], list("abc"), chance=0.5)
    heights = sorted(text.xy[1] for text in figure.axes[0].texts)
    assert all(upper - lower > 0.05 for lower, upper in itertools.pairwise(heights))


def test_accuracies_come_with_their_interval():
    hits = {"what is it?": torch.tensor([True] * 90 + [False] * 10), "how many?": [True] * 5}
    figure = plots.accuracies(hits, {"what is it?": 0.01, "how many?": 0.25}, "What it knows")
    first, second = texts(figure)
    assert first.startswith("0.900  (0.8")
    assert first.endswith("n = 100)")
    assert second == "1.000  (1.000 to 1.000, n = 5)"
    assert figure.axes[0].lines[2].get_xdata() == [0.01]


@pytest.mark.parametrize("scale", [1, 14, 100])
@pytest.mark.parametrize("N", [2, 32])
def test_the_temperature_board_says_the_loss(scale: int, N: int):
    random = torch.Generator().manual_seed(0)
    images = torch.nn.functional.normalize(torch.randn(N, 6, generator=random), dim=-1)
    captions = torch.nn.functional.normalize(images + torch.randn(N, 6, generator=random), dim=-1)
    figure = plots.temperature_board(captions @ images.T, scale, learned=20.7)
    loss = contrastive_loss(images, captions, float(scale)).item()
    assert figure.get_suptitle().startswith(f"Temperature 1/{scale}: the loss is {loss:.2f}")
    assert f"guessing: ln {N} = {math.log(N):.2f}" in texts(figure)
    assert "learned: 1/21" in texts(figure)
    rows = figure.axes[0].images[0].get_array().sum(axis=1)
    assert list(rows) == pytest.approx([1.0] * N, abs=1e-5)
