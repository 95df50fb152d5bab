"""The tiny CLIP of notebook 07: what it reads, that it learns, and the figures of its runs."""

import math

import pytest
import torch

from clip_tutor.lessons.nb07_contrastive_loss import run_plots, tiny
from clip_tutor.lessons.nb07_contrastive_loss.sphere import aims_board, alignment_and_uniformity, settle
from clip_tutor.losses import contrastive_loss
from tests.lab.conftest import texts

pytestmark = pytest.mark.filterwarnings("error")  # matplotlib warns when a layout fails

CAPTIONS = ["a red cat", "a blue cat", "two red dogs", "two blue dogs"]


@pytest.fixture(scope="module")
def pairs() -> tiny.Inputs:
    """64 pairs of noisy fields and words that say how bright they are."""
    random = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (64, 3, 16, 16), generator=random, dtype=torch.uint8)
    captions = [f"image{n}" for n in range(64)]
    return tiny.read(pixels, captions, tiny.words_of(captions))


@pytest.fixture(scope="module")
def run(pairs: tiny.Inputs) -> tiny.Run:
    return tiny.train(contrastive_loss, pairs, pairs, steps=30)


def test_it_reads_mean_colors_and_words():
    words = tiny.words_of(CAPTIONS)
    assert words == ["a", "blue", "cat", "dogs", "red", "two"]
    pixels = torch.zeros(2, 3, 16, 16, dtype=torch.uint8)
    pixels[0, 0] = 255
    images, counts = tiny.read(pixels, ["a red red cat", "a green owl"], words)
    assert images.shape == (2, 192)
    assert images[0, :64].tolist() == [0.5] * 64 and images[0, 64:].tolist() == [-0.5] * 128
    assert counts.tolist() == [[1, 0, 1, 0, 2, 0], [1, 0, 0, 0, 0, 0]]


def test_a_code_is_the_same_on_image_and_caption(pairs: tiny.Inputs):
    coded, blank = pairs.with_code(16, seed=1), pairs.without_code(16)
    assert coded.images[:, -16:].equal(coded.texts[:, -16:])
    assert set(coded.texts[:, -16:].unique().tolist()) == {-1, 1}
    assert coded.images.shape == blank.images.shape and not blank.images[:, -16:].any()
    assert coded.images[:, :-16].equal(pairs.images)
    assert not pairs.with_code(16, seed=2).texts.equal(coded.texts)


def test_it_learns_and_says_how(run: tiny.Run):
    assert len(run.losses) == len(run.scales) == 31
    assert list(run.recalls) == [0, 10, 20, 30]
    assert run.losses[-1] < run.losses[0]
    assert run.scales[0] == pytest.approx(1 / 0.07)
    assert run.recalls[30] > 0.5 > run.recalls[0]
    assert run.table(tiny.Inputs(torch.zeros(3, 192), torch.zeros(3, 64))).shape == (3, 3)


def test_the_same_seed_gives_the_same_run(pairs: tiny.Inputs):
    one, other = (tiny.train(contrastive_loss, pairs, pairs, steps=3, seed=1) for _ in range(2))
    assert one.losses == other.losses


def test_recall_counts_the_ten_nearest():
    assert tiny.recall_at_10(torch.eye(40)) == 1
    assert tiny.recall_at_10(-torch.eye(40)) == 0


def test_both_questions_are_written_beside_the_table():
    said = texts(run_plots.two_questions())
    assert "a caption asks: which of 5 images is mine?" in said
    assert "an image asks: which of 5 captions is mine?" in said
    assert said.count("own") == 5 and said.count("?") == 8


def test_the_figures_of_tables_and_runs_can_be_drawn(run: tiny.Run):
    table = torch.linspace(-1, 1, 36).view(6, 6)
    figures = [
        run_plots.probability_tables({"one": table.softmax(1), "two": table.softmax(1)}, "Probabilities"),
        run_plots.cosine_histograms({"one": table}, "Cosines"),
        run_plots.scale_curves({"one": table}),
        run_plots.run_board({"one": run, "two": run}, 10 / 64, "Runs"),
    ]
    for figure in figures:
        figure.draw_without_rendering()
        for axes in figure.axes[: len(figure.axes) - bool(figure.axes[-1].get_label() == "<colorbar>")]:
            assert axes.get_title(loc="left") and axes.get_xlabel()


def test_a_tangent_has_the_slope_that_it_was_given():
    table = torch.eye(4)
    figure = run_plots.scale_curves({"one": table}, {"one": -2.0}, at=5.0)
    (tangent,) = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 2 and line.get_alpha() == 0.7]
    (x0, x1), (y0, y1) = tangent.get_data()
    assert (y1 - y0) / (math.log(x1) - math.log(x0)) == pytest.approx(-2)


def test_alignment_and_uniformity_of_two_opposite_pairs():
    opposite = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    assert alignment_and_uniformity(opposite, opposite) == pytest.approx((0, -8))
    apart = alignment_and_uniformity(opposite, opposite.flip(0))
    assert apart == pytest.approx((4, -8))


def test_the_aims_end_in_a_star():
    figure = aims_board({"temperature 1/14": settle(14, steps=10, pairs=6)})
    figure.draw_without_rendering()
    assert [line.get_marker() for line in figure.axes[0].lines] == ["o", "*"]
