"""The featurizer's figures: every draw is shown, the chosen λ is ringed, and a decided difference is blue."""

import pytest

from clip_tutor.evaluation.featurizer import FewShotCurve, PairedDifference, Sweep
from clip_tutor.lab.plots import featurizer_plots
from clip_tutor.lab.plots.style import IMAGE_COLOR, MUTED


@pytest.mark.parametrize("zero_shot", [0.6, None])
def test_each_draw_is_a_dot_and_zero_shot_a_line(zero_shot: float | None):
    curve = FewShotCurve((1, 4), ((0.2, 0.4, 0.3), (0.7, 0.8, 0.9)), ((0.2, 0.3, 0.3), (0.5, 0.5, 0.6)), zero_shot)
    figure = featurizer_plots.few_shot_figure(curve, chance=0.1)
    (axes,) = figure.axes
    dots = sum(len(line.get_xdata()) for line in axes.lines if line.get_marker() == "o")
    assert dots == 12
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert any("zero-shot" in label for label in labels) == (zero_shot is not None)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "4"]


def test_the_chosen_strength_is_ringed_and_a_stopped_one_crossed():
    sweep = Sweep((0.1, 1.0, 10.0), (0.5, 0.8, 0.7), (False, True, True), 1.0)
    figure = featurizer_plots.sweep_figure({"before": sweep, "after": sweep})
    (axes,) = figure.axes
    rings = [line for line in axes.lines if line.get_fillstyle() == "none" and len(line.get_xdata())]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in rings] == [(1.0, 0.8)] * 2
    assert sum(line.get_marker() == "x" and len(line.get_xdata()) == 1 for line in axes.lines) == 2


def test_a_decided_difference_is_blue_and_the_other_gray():
    decided, open_ = PairedDifference(90, 0.2, 0.1, 0.3, 20, 2), PairedDifference(90, 0.0, -0.1, 0.1, 5, 5)
    figure = featurizer_plots.difference_figure({"one": decided, "other": open_}, [("probe", 0.8, 0.7, 0.9)])
    colors = [line.get_color() for line in figure.axes[1].lines if line.get_marker() == "o"]
    assert colors == [IMAGE_COLOR, MUTED]
    assert figure.axes[1].get_xlim()[0] < -0.1 and all(axes.get_xlabel() for axes in figure.axes)
    assert len(featurizer_plots.difference_figure({"one": decided}).axes) == 1
