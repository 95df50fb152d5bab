"""The figures about left and right show what they were given."""

import math

import numpy as np
import pytest
import torch

from clip_tutor.lessons.nb08_training import plots
from tests.lab.conftest import texts


def test_relations_that_lie_apart_are_seen_apart():
    relation = np.arange(400) % 4
    features = np.random.default_rng(0).normal(size=(400, 16)) + 8 * np.eye(16)[relation]
    figure = plots.two_towers(torch.tensor(features), torch.tensor(relation), torch.eye(4), ["a", "b", "c", "d"])
    for axes in figure.axes[:2]:
        heights = [np.array([bar.get_height() for bar in humps]) for humps in axes.containers]
        assert [hump.sum() for hump in heights] == [50, 50], "the half that the direction was not made from"
        assert not (heights[0] * heights[1]).any()
    assert texts(figure).count("1.000") == 4


def test_captions_stand_at_the_corners_of_a_square():
    image = np.zeros((8, 8, 3), np.uint8)
    figure = plots.exclusive_or([(1, 1, "a left of b", image), (-1, 1, "b left of a", image)])
    assert texts(figure) == ["a left of b", "b left of a"]
    assert [image.get_extent()[0] for image in figure.axes[0].images] == pytest.approx([0.4, -1.6])


def test_curves_have_a_line_for_each_seed_and_one_for_their_mean():
    run = {"pairs": [100, 200], "relation": [0.2, 0.4], "text_cosine": [1.0, 0.9], "image_probe": [0.5, 0.6]}
    other = run | {"relation": [0.4, 0.8]}
    figure = plots.relation_curves({"neither": [run, other], "both": [run]})
    lines = [list(line.get_ydata()) for line in figure.axes[0].lines]
    assert lines[:2] == [[0.2, 0.4], [0.4, 0.8]]
    assert lines[2] == pytest.approx([0.3, 0.6])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["neither", "twins and curriculum"]
    figure.draw_without_rendering()


RUN = [{"step": step, "batch_size": 64, "loss": 4.0 - step, "logit_scale": 14.0} for step in (0, 1)]
NOTHING = dict.fromkeys(("loss_before", "temperature_first", "half_found_after", "learned_last"))


def test_what_was_guessed_stands_beside_the_run():
    said = {"loss_before": "ln 64", "temperature_first": "up", "half_found_after": "50,000", "learned_last": "place"}
    figure = plots.with_guess(RUN, None, said, 100_000)
    loss, temperature, recall = figure.axes[:3]
    assert loss.lines[-1].get_ydata()[0] == pytest.approx(math.log(64))
    assert temperature.lines[-1].get_ydata()[0] == 0.085
    assert list(recall.lines[-1].get_xdata()) == [50_000]
    assert "place is learned last" in figure.get_suptitle()


def test_no_guess_draws_nothing():
    said, nothing = plots.with_guess(RUN, None, {**NOTHING, "loss_before": "much"}), plots.with_guess([], None, NOTHING)
    assert [len(axes.lines) for axes in said.axes[:3]] == [2, 1, 1]
    nothing.draw_without_rendering()


def test_a_number_is_read_as_one_writes_it():
    read = {words: plots.as_number(words) for words in ("2.5", " 50,000", "log(64)", "ln 64", "many", "", None, "ln x")}
    assert read == {
        **dict.fromkeys(("many", "", None, "ln x")),
        "2.5": 2.5,
        " 50,000": 50_000,
        "log(64)": math.log(64),
        "ln 64": math.log(64),
    }


def test_losses_are_drawn_with_the_price_of_guessing():
    figure = plots.loss_curves({"one": [3.0, 2.0], "other": ([10, 20], [4.0, 5.0])}, 4.16, "Losses")
    drawn = {line.get_label(): list(line.get_xdata()) for line in figure.axes[0].lines}
    assert drawn["one"] == [1, 2] and drawn["other"] == [10, 20] and "guessing: 4.16" in drawn


def test_a_range_test_is_drawn_with_its_running_mean():
    figure = plots.range_curve([1e-5, 1e-3, 1e-1], [4.0, 3.0, 9.0], 1.5e-3, 4.16)
    dots, mean = figure.axes[0].lines[:2]
    assert list(dots.get_ydata()) == [4.0, 3.0, 9.0]
    assert list(mean.get_ydata()) == pytest.approx(plots.smoothed([4.0, 3.0, 9.0]))
    assert plots.smoothed([5.0, 5.0, 5.0]) == pytest.approx([5.0, 5.0, 5.0])
    figure.draw_without_rendering()


def test_each_report_has_its_dot_and_its_name():
    figure = plots.from_scratch()
    assert len(figure.axes[0].lines) == len(plots.FROM_SCRATCH)
    assert texts(figure) == [name for _, _, name in plots.FROM_SCRATCH]
