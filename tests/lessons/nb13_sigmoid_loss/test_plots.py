"""The figures of notebook 13: what stands in them, and the numbers behind them."""

import json

import pytest
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure

from clip_tutor import losses
from clip_tutor.assets import asset
from clip_tutor.lessons.nb13_sigmoid_loss import exercise_parts, exercises, further_exercise, plots
from clip_tutor.lessons.nb13_sigmoid_loss.memory import peak_memory
from clip_tutor.lessons.nb13_sigmoid_loss.ring import holds, ring_board

pytestmark = pytest.mark.filterwarnings("error")  # matplotlib warns when a layout fails


def pairs(N: int) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(N)
    images, texts = (F.normalize(torch.randn(N, 8, generator=random), dim=-1) for _ in range(2))
    return images, texts


def drawn(figure: Figure) -> Figure:
    figure.draw_without_rendering()
    return figure


def test_the_price_is_the_librarys_loss():
    images, texts = pairs(6)
    expected = losses.sigmoid_loss(images, texts, 7.0, -2.0).item()
    assert plots.price(texts @ images.T, 7.0, -2.0) == pytest.approx(expected)


def test_the_references_of_notebook_13_equal_the_library():
    images, texts = pairs(12)
    scale, bias = torch.tensor(7.0), torch.tensor(-2.0)
    expected = losses.sigmoid_loss(images, texts, scale, bias)
    torch.testing.assert_close(exercises.sigmoid_loss(images, texts, scale, bias), expected)
    torch.testing.assert_close(exercise_parts.loss_in_parts(images, texts, scale, bias, 5), expected)
    labels = 2 * torch.eye(12, dtype=torch.long) - 1
    torch.testing.assert_close(further_exercise.multi_positive_loss(images, texts, scale, bias, labels), expected)
    ring = exercise_parts.ring_losses(images.reshape(4, 3, 8), texts.reshape(4, 3, 8), scale, bias)
    torch.testing.assert_close(ring.mean(), expected)


def test_training_starts_at_the_lowest_point_of_the_curve():
    figure = drawn(plots.initial_losses([8, 1024], exercises.starting_point))
    lines = figure.axes[0].lines
    for curve, dot in ((lines[0], lines[1]), (lines[2], lines[3])):
        lowest = min(zip(curve.get_ydata(), curve.get_xdata(), strict=True))
        assert dot.get_ydata()[0] == pytest.approx(lowest[0], rel=1e-3)
        assert abs(dot.get_xdata()[0] - lowest[1]) <= 0.1 + 1e-9  # half a step of the curve


@pytest.mark.slow
@pytest.mark.parametrize("N", [2, 8, 192])
@pytest.mark.parametrize(("scale", "bias"), [(1, -14.0), (40, 4.0), (10, 0.0)])
def test_the_board_says_loss_and_sum(N: int, scale: float, bias: float):
    similarity = torch.linspace(-1, 1, N * N).reshape(N, N)
    figure = drawn(plots.sigmoid_board(similarity, scale, bias, [torch.zeros(3, 4, 4)] * N, (12.0, -3.0)))
    said = (scale * similarity + bias).sigmoid().sum().round()
    assert f"add up to {said:.0f} for {N} right pairs" in figure.get_suptitle()
    assert f"the loss is {plots.price(similarity, scale, bias):.2f};" in figure.get_suptitle()
    wants = torch.as_tensor(figure.axes[1].images[0].get_array().data).float() / N
    logits = (scale * similarity + bias).requires_grad_()
    (-F.logsigmoid((2 * torch.eye(N) - 1) * logits).sum() / N).backward()
    assert logits.grad is not None
    torch.testing.assert_close(wants, logits.grad, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_cosine_histograms_have_a_panel_a_model():
    cosines = {name: (torch.linspace(0.5, 0.6, 20), torch.linspace(-1, 1, 50)) for name in ("a", "b")}
    figure = drawn(plots.cosine_histograms(cosines, [0.1, 0.2], "Cosines"))
    assert [axes.get_ylabel() for axes in figure.axes] == ["a", "b"]
    assert [axes.lines[0].get_xdata()[0] for axes in figure.axes] == [0.1, 0.2]


def test_a_race_draws_losses_as_shares_and_the_records_that_were_measured():
    history = [{"step": 20, "loss": 4.0}, {"step": 40, "loss": 3.0, "recall_at_10": 0.25}]
    figure = drawn(plots.race({"softmax": history, "sigmoid": history[:1]}, "recall_at_10", "Both"))
    left, right = figure.axes
    assert list(left.lines[0].get_ydata()) == [1.0, 0.75]
    assert [list(line.get_xdata()) for line in right.lines] == [[40], []]
    assert left.lines[1].get_linestyle() == "--"


def test_the_live_run_of_a_race_is_drawn_upon_the_others():
    history = [{"step": 20, "loss": 4.0, "recall_at_10": 0.1}]
    figure = drawn(plots.race({"sigmoid, N = 64": history, "yours": history}, "recall_at_10", "Both", live="yours"))
    assert [line.get_linestyle() for line in figure.axes[0].lines] == ["--", ":"]


def test_seeds_of_a_race_share_a_color_and_a_line_of_the_legend():
    history = [{"step": 20, "loss": 4.0, "recall_at_10": 0.1}]
    names = [f"{loss}, N = 64, seed {seed}" for seed in (0, 1) for loss in ("softmax", "sigmoid")]
    figure = drawn(plots.race(dict.fromkeys(names, history), "recall_at_10", "Both"))
    colors = [line.get_color() for line in figure.axes[0].lines]
    assert colors[:2] == colors[2:]
    assert len(set(colors)) == 2
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["softmax, N = 64", "sigmoid, N = 64"]


def test_pulls_follow_the_labels():
    similarity = torch.linspace(-1, 1, 6).reshape(2, 3)  # two captions, three images
    diagonal = torch.tensor([[1, -1], [-1, 1], [-1, -1]])  # (images, captions)
    fits = torch.tensor([[1, -1], [1, 1], [0, -1]])
    labels = {"diagonal": diagonal, "fits": fits}
    figure = drawn(plots.pulls(similarity, 4.0, -1.0, labels, [torch.zeros(3, 4, 4)] * 3, ["a", "b"]))
    left, right = (torch.as_tensor(axes.images[0].get_array().data) for axes in figure.axes[:2])
    yes = (4 * similarity - 1).sigmoid()
    torch.testing.assert_close(left, yes - (diagonal.T == 1).float())
    assert right[0, 2] == 0, "of an unknown pair nothing is learned"
    assert right[0, 1] < 0 < left[0, 1]


def test_shipped_runs_come_in_pairs_that_can_be_compared():
    shipped = json.loads(asset("curves/two_losses.json").read_text(encoding="utf-8"))
    kinds = {loss: [(one["batch"], one["seed"]) for one in shipped["runs"] if one["loss"] == loss]
             for loss in ("softmax", "sigmoid")}  # fmt: skip
    assert kinds["softmax"] == kinds["sigmoid"]
    assert (64, 0) in kinds["sigmoid"], "the run that the notebook sets its own upon"
    for one in shipped["runs"]:
        assert len(one["hits"]) == 1000
        assert one["history"][-1]["step"] == shipped["steps"]
        assert one["history"][-1]["recall_at_10"] > 10 / shipped["look"]
    found = {(one["loss"], one["batch"], one["seed"]): one["hits"].count("1") for one in shipped["runs"]}
    behind = [key for key in kinds["softmax"] if found[("softmax", *key)] <= found[("sigmoid", *key)]]
    assert behind == [], "the notebook says that the softmax loss is ahead in all of them"


def test_calibrated_probabilities_lie_on_the_diagonal():
    random = torch.Generator().manual_seed(0)
    said = torch.rand(200_000, generator=random) ** 4
    came = torch.rand(200_000, generator=random) < said
    bins = plots.reliability(said, came)
    assert len(bins) >= 8
    kept = [low <= mean <= high for mean, _, (low, high), _ in bins]
    assert sum(kept) >= len(kept) - 1
    assert sum(n for *_, n in bins) <= 200_000
    too_sure = plots.reliability(said, came & (torch.rand(200_000, generator=random) < 0.2))
    assert all(high < mean for mean, _, (_, high), n in too_sure if n * mean > 100)
    drawn(plots.calibration({"honest": (said, came), "too few": (said[:5], came[:5])}, "Calibration"))


def test_peak_memory_counts_what_lives_at_once():
    given = torch.zeros(1000)
    assert peak_memory(lambda: (given + 1, given + 2)) == 8000
    assert peak_memory(lambda: [len(given + n) for n in range(5)]) in (4000, 8000)
    assert peak_memory(lambda: given.view(10, 100)) == 0


def test_chunks_take_less_memory_than_the_table():
    images, texts = pairs(512)
    plain = peak_memory(lambda: losses.sigmoid_loss(images, texts, 10.0, -5.0))
    parts = peak_memory(lambda: losses.chunked_sigmoid_loss(images, texts, 10.0, -5.0, chunk_size=32))
    assert plain >= 4 * 512 * 512
    assert parts < plain / 4
    drawn(plots.memory_curves([256, 512], {"plain": [1e6, 4e6], "in chunks": [5e5, 1e6]}, "Memory"))


@pytest.mark.parametrize("processes", [1, 2, 8])
def test_the_ring_brings_every_caption_to_every_image_once(processes: int):
    for process in range(processes):
        met = [holds(process, step, processes) for step in range(processes)]
        assert met[0] == process
        assert sorted(met) == list(range(processes))


@pytest.mark.parametrize(("processes", "step"), [(1, 0), (1, 7), (4, 2), (8, 7)])
def test_the_ring_frames_what_is_scored_now(processes: int, step: int):
    figure = drawn(ring_board(processes, step))
    step = min(step, processes - 1)
    assert f"{(step + 1) * processes} of {processes**2} blocks scored" in figure.get_suptitle()
    frames = [patch for patch in figure.axes[1].patches if not patch.get_fill()]
    assert len(frames) == processes
