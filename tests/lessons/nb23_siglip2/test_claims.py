"""What notebook 23 says of trainings: nothing that an interval does not bear out, and sentences for either outcome."""

import pytest

from clip_tutor.lessons.nb23_siglip2 import claims, result_plots
from clip_tutor.lessons.nb23_siglip2.claims import Gain
from clip_tutor.lessons.nb23_siglip2.worlds import Told


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((0.01, 0.05), "more"),
        ((-0.05, -0.01), "less"),
        ((-0.01, 0.05), "no difference that exceeds the interval"),
        (None, "one seed, of which nothing follows"),
    ],
)
def test_a_verdict_needs_its_interval(interval, verdict):
    assert Gain(0.02, interval).verdict == verdict


def test_only_a_sure_gain_is_named():
    gains = {"captions": Gain(0.3, (-0.1, 0.7)), "masks": Gain(0.1, (0.05, 0.15)), "views": Gain(0.05, (0.01, 0.09))}
    assert claims.largest(gains) == "masks"
    assert claims.largest({"captions": gains["captions"]}) == "none whose gain exceeds its interval"


def results() -> dict:
    """Return results of three arms, as the benchmark writes them."""
    run = {"mean_iou": 0.2, "pointing": 0.5, "recall_at_1": 0.8, "pointing_mixed_up": 0.3, "images": 2e5}
    gains = {"mean_iou": [0.1, [0.05, 0.15]], "pointing": [-0.1, [-0.2, -0.05]], "recall_at_1": None}
    return {
        "siglip2_miou_gain": 0.1,
        "siglip2_miou_gain_interval": [0.05, 0.15],
        "siglip2_pointing_gain": 0.0,
        "siglip2_pointing_gain_interval": [-0.1, 0.1],
        "recall_difference": -0.1,
        "recall_difference_interval": None,
        "contributions": {"self_distillation": gains},
        "arms": {"all": {**run, "box_iou": 0.25}, "plain": {**run, "box_iou": None}},
        "seeds": {"all": [0, 1], "plain": [0]},
        "runs": {"all": {"0": run, "1": run}, "plain": {"0": run}},
    }


def test_results_become_gains_and_a_table():
    assert claims.all_gains(results(), "mean_iou") == {
        "SigLIP 2 than SigLIP": Gain(0.1, (0.05, 0.15)),
        "all than without self-distillation": Gain(0.1, (0.05, 0.15)),
    }
    assert list(claims.all_gains(results(), "recall_at_1")) == ["SigLIP 2 than SigLIP"], "no seed in common"
    assert str(claims.whole_gain(results(), "recall_at_1")) == "−0.100"
    plain, whole = claims.arms_table(results()).splitlines()[2:]
    assert plain == "| SigLIP | 0.200 | 0.500 | 0.800 | 0.300 | – | 200,000 | 1 |"
    assert whole.startswith("| SigLIP 2 |") and whole.endswith("| 0.250 | 200,000 | 2 |")


def test_losses_are_compared_where_both_trainings_were():
    curve = {"seconds": [0, 98, 100, 200], "images": [0, 2, 9, 20], "sigmoid": [5.0, 4.0, 2.0, 1.0]}
    assert claims.at_equal(curve, "seconds", 101) == 3.0 and claims.at_equal(curve, "images", 9.5) == 2.0
    assert claims.lower(2.001, 2.002, ("first", "second")) == "neither is lower"
    assert claims.lower(2.1, 2.0, ("first", "second")) == "second has the lower one"


def test_what_is_said_of_colors_follows_from_their_variance():
    by_image, by_thing = Told(0.6, 0.2, 0.4), Told(0.3, 0.5, 0.4)
    assert claims.of_colors(by_image, by_image).startswith("which image they are in (60% by the image and 20%")
    assert claims.of_colors(by_image, by_thing).startswith("which image they are in; after, thing or background (")


def test_a_winner_needs_its_interval():
    said = [claims.winner(Gain(0.1, bounds), "new", "old") for bounds in ((0.01, 0.2), (-0.2, -0.01), (-1, 1), None)]
    assert said == ["new", "old", "no difference that can be shown", "no difference that can be shown"]


def test_figures_of_results_show_each_gain_and_each_seed():
    figure = result_plots.gains_figure(results(), "Gains")
    dots = [[line for line in axes.lines if line.get_marker() == "o"] for axes in figure.axes]
    assert [len(each) for each in dots] == [2, 2, 1]
    assert [line.get_xdata()[0] for line in dots[1]] == [0.0, -0.1]
    figure = result_plots.seeds_figure(results(), "Seeds")
    assert [len(line.get_xdata()) for line in figure.axes[0].lines] == [1, 2]
