"""The figures about left and right show what they were given."""

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
