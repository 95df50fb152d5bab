"""The figures of notebook 01."""

import pytest
import torch

from clip_tutor.evaluation.information import Information
from clip_tutor.lessons.nb01_pictures_and_words import plots, stills
from tests.lab.conftest import texts

pytestmark = pytest.mark.filterwarnings("error")  # matplotlib warns when a layout fails


def test_a_cell_for_each_word_and_fact():
    one = Information(entropy=2.0, measured=1.1, by_chance=0.1, pairs=100)
    figure = plots.told_table({"noun": {"thing": one, "color": one}}, "Told")
    figure.draw_without_rendering()
    assert texts(figure).count("1.00 of 2.00 bits") == 2


def test_measured_chance_and_difference_have_a_line_each():
    points = [Information(2.0, 1.0, 0.4, 100), Information(2.0, 0.9, 0.1, 1000)]
    figure = plots.chance_curves({"a": points, "b": points}, "Chance")
    figure.draw_without_rendering()
    for line, right in zip(figure.axes[1].lines, ([1.0, 0.9], [0.4, 0.1], [0.6, 0.8]), strict=True):
        assert line.get_ydata().tolist() == pytest.approx(right)


def test_all_histograms_share_an_axis():
    figure = plots.distance_histogram({"cropped": torch.tensor([1.0, 2.0])}, torch.tensor([5.0, 9.0]), "levels", "Far")
    figure.draw_without_rendering()
    assert {axes.get_xlim() for axes in figure.axes} == {(0.0, 9.0)}
    assert texts(figure) == ["cropped (2)", "other images (2)"]


def test_bars_say_their_shares():
    figure = plots.leak_bars({"by rows": torch.tensor([True, False] * 50), "new": torch.zeros(10) > 0}, "Who?")
    figure.draw_without_rendering()
    assert texts(figure) == ["50%", "0%"]


def test_curves_have_their_names():
    for figure in (
        plots.recall_curves({"chance": [0.1, 1.0], "color": [0.2, 1.0]}, (1, 10), "Recall"),
        plots.share_curves({"chance": {8: 0.1, 16: 0.2}, "color": {8: 0.0, 16: 0.1}}, "batch size", "share", "More"),
    ):
        figure.draw_without_rendering()
        assert [text.get_text() for text in figure.legends[0].get_texts()] == ["chance", "color"]


@pytest.mark.slow
def test_the_pairs_on_both_sides_of_the_threshold():
    figure = stills.copies()
    apart = [float(text.removesuffix(" levels")) for text in texts(figure)]
    assert len(apart) == 16
    assert apart == sorted(apart)
    assert apart[7] <= stills.THRESHOLD <= apart[8]


@pytest.mark.slow
def test_the_card_shows_one_image_four_times():
    figure = stills.card()
    figure.draw_without_rendering()
    assert len(figure.axes[0].images) == 4
    assert "posted" in texts(figure)
