"""The figures of notebook 16: what stands in them, and the ends of their controls."""

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from clip_tutor.lessons.nb16_web_image_text import plots
from clip_tutor.lessons.nb16_web_image_text.corpus import THINGS
from clip_tutor.lessons.nb16_web_image_text.long_tail import Run

pytestmark = pytest.mark.filterwarnings("error")  # matplotlib warns when a layout fails


def drawn(figure: Figure) -> Figure:
    figure.draw_without_rendering()
    return figure


@pytest.mark.parametrize(
    ("least_pmi", "least_count", "taken", "right"), [(0, 1, 4, 2), (9, 1, 3, 2), (0, 3, 1, 1), (17, 30, 0, 0)]
)
def test_the_map_counts_what_gets_through(least_pmi: float, least_count: int, taken: int, right: int):
    counts, scores = np.array([1, 1, 2, 5]), np.array([10.0, 1.0, 9.0, 9.5])
    figure = drawn(plots.bigram_map(counts, scores, np.array([False, False, True, True]), 1024, least_pmi, least_count))
    assert (
        figure.axes[0].get_title(loc="left") == f"{taken} bigrams get through, {right} of them planted; 2 were planted"
    )


def test_the_tail_begins_with_the_most_frequent_query_and_leaves_out_those_without_pairs():
    counts, kept = np.array([3, 0, 900, 40]), np.array([3.0, 0.0, 30.0, 25.0])
    axes = drawn(plots.matches_before_and_after(counts, kept, 30, ["c", "never", "a", "b"])).axes[0]
    before, after = axes.lines[1], axes.lines[2]
    assert before.get_ydata().tolist() == [900, 40, 3]
    assert after.get_ydata().tolist() == [30, 25, 3]
    assert "never" not in [text.get_text() for text in axes.texts]


@pytest.mark.parametrize("t", [1, 4000])
def test_the_board_says_how_many_pairs_stay(t: int):
    counts, ranks = np.array([60, 1, 0]), np.arange(60) % THINGS
    keep = np.full(60, min(1, t / 60))
    figure = drawn(plots.balance_board(counts, keep, counts * min(1, t / 60), ranks, t))
    assert f"{keep.sum():,.0f} of 60 pairs stay" in figure.axes[1].get_title(loc="left")


def test_the_curves_hold_the_runs_and_yours():
    def run(way: str, t: int, seed: int, share: float) -> Run:
        return Run(way, t, seed, 100, (share,) * THINGS)

    runs = [run("all", 0, 0, 0.5), run("all", 0, 1, 0.6)]
    runs += [run(way, t, seed, 0.4 + t / 1000) for way in ("balanced", "random") for t in (30, 100) for seed in (0, 1)]
    figure = drawn(plots.accuracy_curves(runs, [run("balanced", 100, 0, 0.7)]))
    for axes in figure.axes:
        assert [text.get_text() for text in axes.get_xticklabels()] == ["30", "100", "all pairs"]
        stars = [line for line in axes.lines if line.get_marker() == "*"]
        assert [(*line.get_xdata(), *line.get_ydata()) for line in stars] == [pytest.approx((1, 0.7))]
        means = [line.get_ydata().tolist() for line in axes.lines if line.get_marker() == "o"]
        assert means == [pytest.approx([0.43, 0.5, 0.55])] * 2
        seeds = [line.get_ydata()[-1] for line in axes.lines if line.get_linewidth() == 1]
        assert seeds == pytest.approx([0.5, 0.6] * 2)


def test_backgrounds_have_their_own_colors():
    figure = drawn(plots.background_bars({"all": np.arange(12.0), "balanced": np.ones(12)}, "title"))
    assert figure.axes[0].patches[0].get_facecolor()[:3] == pytest.approx((214 / 255, 48 / 255, 42 / 255))
    assert figure.axes[1].get_title(loc="left") == "balanced: 12 pairs"


def test_a_sheet_has_a_row_for_each_group():
    figure = drawn(plots.group_sheet(torch.zeros(2, 3, 3, 8, 8, dtype=torch.uint8), ["one", "two"]))
    assert [len(axes.images) for axes in figure.axes] == [1] * 6
    assert [text.get_text() for axes in figure.axes for text in axes.texts] == ["one", "two"]
