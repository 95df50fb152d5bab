"""The figures of notebook 15, and its exercises' references beside the library."""

import math

import pytest
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure

from clip_tutor import losses
from clip_tutor.data.curation.filters import images_per_caption, shared_caption
from clip_tutor.data.curation.web_pair import WebPair
from clip_tutor.lessons.nb15_learning_from_noise import plots, stills
from clip_tutor.lessons.nb15_learning_from_noise.damage import KINDS
from clip_tutor.lessons.nb15_learning_from_noise.filter_exercise import shared_caption_filter
from clip_tutor.lessons.nb15_learning_from_noise.floor_exercises import noise_floor, paid, smoothed_loss
from clip_tutor.lessons.nb15_learning_from_noise.rare_exercise import keep_by_loss

pytestmark = pytest.mark.filterwarnings("error")  # matplotlib warns when a layout fails
NAMES = ("untouched", *KINDS)


def drawn(figure: Figure) -> Figure:
    figure.draw_without_rendering()
    assert figure.axes and all(axes.has_data() for axes in figure.axes)
    return figure


def test_the_smoothed_loss_is_the_librarys():
    random = torch.Generator().manual_seed(0)
    x, y = (F.normalize(torch.randn(12, 8, generator=random), dim=-1) for _ in range(2))
    for smoothing in (0.0, 0.1, 0.4):
        expected = losses.contrastive_loss(x, y, 14.0, label_smoothing=smoothing)
        torch.testing.assert_close(smoothed_loss(x, y, torch.tensor(14.0), smoothing), expected)


@pytest.mark.parametrize(("share", "B"), [(0.25, 16), (0.5, 64), (0.75, 8)])
def test_no_gap_beats_the_floor_in_a_simulation(share: float, B: int):
    order, moved = torch.arange(B), torch.randperm(B, generator=torch.Generator().manual_seed(0))[: round(share * B)]
    order[moved] = moved.roll(1)
    perfect = torch.eye(B)
    least, gap = noise_floor(share, B)
    tried = [losses.contrastive_loss(perfect, perfect[order], one).item() for one in torch.linspace(0, 12, 241)]
    assert min(tried) == pytest.approx(least, abs=1e-3)
    assert losses.contrastive_loss(perfect, perfect[order], gap).item() == pytest.approx(least, abs=1e-5)


def test_smoothing_is_the_belief_in_exchanged_captions():
    B, epsilon = 32, 0.2
    loss, gap = noise_floor(epsilon * (B - 1) / B, B)
    assert smoothed_loss(torch.eye(B), torch.eye(B), torch.tensor(gap), epsilon).item() == pytest.approx(loss, abs=1e-5)
    assert noise_floor(0.0, B) == (0.0, math.inf)
    assert paid(0.3, B, torch.tensor(noise_floor(0.3, B)[1])).item() == pytest.approx(noise_floor(0.3, B)[0], abs=1e-5)


def test_the_filter_is_the_librarys():
    pairs = [WebPair(str(n), f"caption {n % 7}", known_hash=n % 30) for n in range(100)]
    keeps, counts = shared_caption_filter(iter(pairs), 14), images_per_caption(pairs)
    assert [keeps(pair) for pair in pairs] == [shared_caption(pair, counts, 14) for pair in pairs]


def test_dropping_by_loss_drops_the_number_asked_for():
    losses_, counts = torch.rand(100), torch.randint(1, 50, (100,))
    for share in (0.0, 0.13, 1.0):
        assert int((~keep_by_loss(losses_, counts, share)).sum()) == round(share * 100)


def test_the_curves_over_noise_show_every_seed():
    curves = {"1×": {0.0: [0.5, 0.6], 0.5: [0.2, 0.1]}, "2×": {0.0: [0.9, 0.9], 0.5: [0.4, 0.3]}}
    figure = drawn(plots.over_noise(curves, "title", (0.25, 0.4, "yours")))
    dots = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert sum(len(line.get_ydata()) for line in dots) == 8
    assert list(figure.axes[0].lines[0].get_ydata()) == pytest.approx([0.55, 0.15])


def test_the_dashed_lines_join_equal_numbers_of_true_captions():
    accuracy = {(scale, share): 0.2 * scale * (1 - share) for scale in (1, 2, 4) for share in (0.0, 0.5, 0.75)}
    figure = drawn(plots.equal_accuracy(accuracy, 0.6, "title"))
    line = figure.axes[0].lines[0]
    true = 2 ** torch.tensor(line.get_xdata()) * (1 - 0.6 * torch.tensor(line.get_ydata()))
    torch.testing.assert_close(true, torch.ones_like(true))


def test_true_pairs_and_bars_are_drawn():
    clean = {1600: [0.1, 0.2], 3200: [0.5, 0.6], 6400: [0.9, 0.9]}
    figure = drawn(plots.over_true_pairs(clean, {"50 %": {2240: [0.3, 0.2], 4480: [0.5, 0.7]}}, "title"))
    assert list(figure.axes[0].lines[0].get_ydata()) == pytest.approx([0.15, 0.55, 0.9])
    figure = drawn(plots.seed_bars({"none": [0.5, 0.6], "some": [0.7, 0.8]}, "none", "title"))
    assert [bar.get_width() for bar in figure.axes[0].patches] == pytest.approx([0.55, 0.75])


def test_the_table_says_what_is_dropped():
    figure = drawn(plots.what_filters_drop({"a": {"x": 0.25, "y": 1.0}, "b": {"x": 0.0, "y": 0.5}}, "title"))
    assert [text.get_text() for text in figure.axes[0].texts] == ["25%", "0%", "100%", "50%"]


def test_the_dots_of_both_panels_are_lowest_points():
    figure = drawn(plots.loss_over_gap(64, (0.0, 0.1), (0.0, 0.3), "title"))
    for axes, doubt in ((figure.axes[0], 0.1), (figure.axes[1], 0.3 * 63 / 64)):
        dots = [line for line in axes.lines if line.get_marker() == "o"]
        assert len(dots) == 1
        assert dots[0].get_ydata()[0] == pytest.approx(noise_floor(doubt, 64)[0], abs=1e-3)


def test_the_sieve_counts_precision_and_recall():
    kinds = torch.tensor([0, 0, 1, 1, 3, 5])
    useless = torch.tensor([False, False, True, True, True, False])
    kept = torch.tensor([True, False, False, False, True, True])
    title = drawn(plots.sieve(kept, kinds, NAMES, useless, "row")).axes[0].get_title("left")
    assert "3 of 6 pairs kept" in title
    assert "useless are 67% of what is dropped; dropped are 67% of what is useless" in title
    for everything in (torch.ones(6, dtype=torch.bool), torch.zeros(6, dtype=torch.bool)):
        drawn(plots.sieve(everything, kinds, NAMES, useless, "row"))


def test_the_other_figures_are_drawn():
    kinds = torch.arange(6).repeat(20)
    drawn(plots.damage_strips({"25 %": kinds, "test": torch.zeros(120)}, NAMES, "title"))
    gaps = torch.linspace(1, 9, 9)
    falling = paid(0.25, 64, gaps)
    drawn(plots.simulated_floors(gaps, {0.25: falling}, {0.25: noise_floor(0.25, 64)}, ("elsewhere", falling), "title"))
    drawn(plots.scores_by_kind(torch.rand(120), kinds, NAMES, 0.5, "title"))
    counts = torch.randint(1, 200, (120,))
    ways = {"one": torch.rand(120) > 0.3, "other": torch.rand(120) > 0.3}
    drawn(plots.losses_over_counts(torch.rand(120), counts, kinds > 0, ways, "title"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["card", "board"])
def test_the_stills_are_drawn(name: str):
    drawn(getattr(stills, name)())
