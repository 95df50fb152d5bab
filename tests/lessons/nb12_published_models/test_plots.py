"""Notebook 12's figures: each model stands where its numbers say, under its own name."""

import pytest
import torch

from clip_tutor.lessons.nb12_published_models import plots, stills
from clip_tutor.lessons.nb12_published_models.plots import Measured
from tests.lab.conftest import texts

pytestmark = pytest.mark.filterwarnings("error")  # matplotlib warns when a layout fails

SMALL = Measured("ViT-S/1", 100_000_000, 20e9, 60.0, tokens=50, mib=240.0)
LARGE = Measured("RN9", 400_000_000, 200e9, 75.0, tokens=10, mib=900.0)
UNKNOWN = Measured("ViT-X/1", 200_000_000, 50e9)


def test_cost_map_puts_each_model_where_its_numbers_say():
    figure = plots.cost_map([SMALL, LARGE, UNKNOWN])
    assert sorted(texts(figure)) == ["RN9  75.0 %", "ViT-S/1  60.0 %", "ViT-X/1"]
    resnets, transformers = figure.axes[0].collections
    assert resnets.get_offsets().tolist() == [[400.0, 200.0]]
    assert transformers.get_offsets().tolist() == [[100.0, 20.0], [200.0, 50.0]]


def test_a_better_model_has_a_larger_point():
    resnets, transformers = plots.cost_map([SMALL, LARGE, UNKNOWN]).axes[0].collections
    assert resnets.get_sizes()[0] > transformers.get_sizes()[0] > transformers.get_sizes()[1] > 0


def test_beside_draws_every_number_of_every_model():
    figure = plots.beside([SMALL, LARGE], Measured("yours", 123_000_000, tokens=7, mib=456.0))
    assert texts(figure) == ["50", "10", "7", "100", "400", "123", "240", "900", "456"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["ViT-S/1", "RN9", "yours"]


def test_the_reader_s_own_is_the_one_in_color():
    bars = plots.beside([SMALL], UNKNOWN).axes[1].patches
    assert [bar.get_facecolor() == bars[0].get_facecolor() for bar in bars] == [True, False]


def test_cosines_tell_own_pairs_from_others():
    figure = plots.cosines(torch.full((4,), 0.3), torch.full((4, 3), 0.1))
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert sorted(labels) == ["another caption: 0.10 on average", "its own caption: 0.30 on average"]


def test_found_has_a_bar_of_its_length_for_each_name():
    figure = plots.found({"right": 0.5, "wrong": 0.0}, "Two ways")
    assert texts(figure) == ["50.0%", "0.0%"]
    assert [bar.get_width() for bar in figure.axes[0].patches] == [0.5, 0.0]


@pytest.mark.slow
def test_the_still_shows_all_nine():
    figure = stills.card()
    assert len(texts(figure)) == 9


def test_operations_of_a_transformer_follow_from_its_shape():
    D, N, layers = 768, 49, 12
    a_block = 2 * 12 * D**2 * (N + 1) + 2 * 2 * (N + 1) ** 2 * D  # its matrices, then what tokens say to each other
    patches = 2 * 3 * 32**2 * N * D
    counted = stills.operations("ViT-B/32")
    assert patches + (layers - 1) * a_block < counted < patches + layers * a_block  # the last block reads one token
