"""Figures of scaling up, the law behind them, and a notebook's processes: they end, and say why."""

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from clip_tutor.lessons.nb17_scaling_up import ladder, plots, precision_plots, published, stills
from clip_tutor.lessons.nb17_scaling_up.fits import fit_law, forecast
from clip_tutor.lessons.nb17_scaling_up.memory import graph_bytes
from clip_tutor.lessons.nb17_scaling_up.processes import run_together

MEET = """
import os, torch, torch.distributed as dist
rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
dist.init_process_group("gloo", os.environ["MEETING"], rank=rank, world_size=world)
number = torch.tensor(rank + 1)
dist.all_reduce(number)
print("together", int(number))
dist.barrier()
"""


@pytest.mark.slow
def test_processes_meet_and_the_first_is_heard(tmp_path):
    assert run_together(MEET, tmp_path, processes=2).strip().endswith("together 3")


def test_a_process_that_dies_ends_all_and_is_quoted(tmp_path):
    script = "import os, sys, time\nif os.environ['RANK'] == '1':\n    sys.exit('no memory')\ntime.sleep(60)"
    with pytest.raises(RuntimeError, match=r"process 1 of 2 failed[\s\S]*no memory"):
        run_together(script, tmp_path)


@pytest.mark.slow
def test_waiting_for_ever_has_an_end(tmp_path):
    with pytest.raises(RuntimeError, match="did not end within 1 seconds"):
        run_together("import time\ntime.sleep(60)", tmp_path, timeout=1)


def test_a_law_is_found_again_and_its_forecast_holds_the_truth():
    weights, samples = np.repeat([1e5, 2e5, 4e5], 4), np.tile([1e4, 2e4, 3e4, 4e4], 3)
    losses = 50 * weights**-0.2 * samples**-0.3
    law = fit_law(weights, samples, losses)
    np.testing.assert_allclose([law.a, law.p, law.s], [50, 0.2, 0.3], rtol=1e-6)
    noisy = losses * np.exp(0.05 * np.random.default_rng(1).standard_normal(12))
    low, high = forecast(weights, samples, noisy, (8e5, 8e4))
    assert low < law(8e5, 8e4) < high < 1.5 * low


def test_a_gradient_half_as_long_has_the_same_direction():
    truth = torch.randn(5000, generator=torch.Generator().manual_seed(0))
    assert plots.cosine_and_length(truth / 2, truth) == pytest.approx((1, 0.5))
    figure = plots.gradients_against_truth(truth, {"half": truth / 2, "same": truth}, "Two")
    assert "length × 0.50" in figure.axes[0].get_xlabel()


@pytest.mark.parametrize(
    ("way", "met", "held"), [("gather", 63, 1024), ("own pairs", 15, 256), ("accumulation", 7, 128)]
)
def test_the_table_is_cut_up_as_each_way_does(way, met, held):
    figure = plots.division_of_labor(64, 4, 8, way)
    assert f"meets {met} of 63 wrong captions" in figure.get_suptitle()
    assert f"similarities: {held:,}" in [text.get_text() for text in figure.axes[1].texts]


@pytest.mark.parametrize("processes", [1, 8])
def test_the_table_has_a_color_for_every_process(processes):
    figure = plots.division_of_labor(64, processes, 64, "gather")
    colors = {tuple(row) for row in figure.axes[0].images[0].to_rgba(np.arange(processes)).round(3)}
    assert len(colors) == processes


def test_bfloat16_forgets_small_steps_unless_it_rounds_at_random():
    figure = precision_plots.forgotten_steps(1e-3, 200)
    ends = [line.get_ydata()[-1] for line in figure.axes[0].lines]
    assert ends[0] == pytest.approx(1.2, rel=1e-4)
    assert ends[1] == 1
    assert ends[2] == pytest.approx(1.2, abs=0.08)


def test_rounding_at_random_is_right_on_average():
    number = torch.full((100_000,), 1.001)
    rounded = precision_plots.rounded_at_random(number, torch.Generator().manual_seed(0))
    assert torch.equal(rounded.bfloat16().float(), rounded)
    assert rounded.mean() == pytest.approx(1.001, abs=1e-4)


def test_float16_loses_small_gradients_and_large_ones():
    gradient = torch.tensor([0.0, 1e-8, 1e-3, 2.0])
    assert precision_plots.lost_share(gradient, 1.0) == (pytest.approx(1 / 3), False)
    assert precision_plots.lost_share(gradient, 2.0**12) == (0.0, False)
    assert precision_plots.lost_share(gradient, 2.0**15)[1]
    figure = precision_plots.between_two_cliffs(gradient, range(0, 20, 4), found=12)
    assert len(figure.axes[0].lines) == 5


def test_crops_make_objects_larger():
    figure = plots.apparent_sizes({"a": np.full(9, 1.5), "b": np.full(9, 1.02)}, 1.14, "Crops")
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert {"a: 1.50 on average", "at test: 1.14"} <= set(labels)


def test_the_shipped_ladder_has_three_sizes_whose_losses_fall():
    runs = ladder.shipped()
    assert list(runs) == list(ladder.SIZES)
    assert [run.weights for run in runs.values()] == [ladder.count_weights(ladder.grown(size)) for size in runs]
    for run in runs.values():
        assert [pairs for pairs, _ in run.losses] == [ladder.PAIRS * step for step in ladder.LOOKS]
        assert run.losses[-1][1] < run.losses[0][1] / 2


def test_the_shipped_smallest_model_is_the_one_at_the_end_of_its_run():
    task = ladder.Task()
    loss, ranks = task.look_at(ladder.smallest(), task.test_batch())
    _, shipped, missed = ladder.shipped()[1].points[-1]
    assert loss == pytest.approx(shipped, abs=1e-3)
    assert (ranks >= 1).float().mean().item() == pytest.approx(missed, abs=5e-3)


def test_finishing_takes_as_many_pixels_as_going_on():
    assert pytest.approx(ladder.MORE * ladder.PIXELS**2, rel=0.01) == ladder.FEWER * ladder.LARGER**2
    steps, found = ladder.never_smaller()
    assert pytest.approx((ladder.STEPS + ladder.MORE) * ladder.PIXELS**2, rel=0.01) == steps * ladder.LARGER**2
    assert found.shape == (512,)


def test_a_graph_grows_with_the_batch_and_leaves_the_weights_out():
    model = torch.nn.Linear(8, 1)
    few, many = (graph_bytes(model, lambda n=n: model(torch.ones(n, 8)).square().sum()) for n in (4, 16))
    assert many == 4 * few
    assert few >= 4 * 8 * 4  # the inputs, in float32


def test_published_errors_are_shares_of_eleven_models():
    for name, (compute, error) in published.errors().items():
        assert len(compute) == len(error) == (8 if name.startswith("LAION") else 3)
        assert 0 < error.min() <= error.max() < 0.5


def test_the_stills_can_be_drawn():
    assert isinstance(stills.board(), Figure)
    bars = plots.recall_bars({"a": (0.5, 0.4, 0.6)}, "One")
    runs = {"a": [(1.0, 2.0), (2.0, 1.0)]}
    law = plots.laws(runs, {"a": (2.0, 1.0)}, "Law", "x", "y", (4, 0.4, 0.6), (4, 0.5))
    assert all(isinstance(figure, Figure) for figure in (bars, law))
