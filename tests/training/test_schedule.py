"""How fast to learn when."""

import itertools
import math

import pytest
import torch

from clip_tutor.training.schedule import make_optimizer, warmup_cosine


def test_the_rate_climbs_a_line_and_comes_down_a_cosine():
    rates = [warmup_cosine(step, 100, 10, 0.5) for step in range(101)]
    assert rates[:10] == pytest.approx([0.05 * (step + 1) for step in range(10)])
    assert rates[9] == rates[10] == max(rates) == 0.5
    assert all(before > after for before, after in itertools.pairwise(rates[10:]))
    assert rates[55] == pytest.approx(0.25), "half of the cosine"
    assert rates[10 + 30] == pytest.approx(0.5 * (1 + math.cos(math.pi / 3)) / 2)
    assert rates[100] == pytest.approx(0, abs=1e-12)


def test_the_first_step_learns_and_later_ones_never_unlearn():
    assert warmup_cosine(0, 100, 10, 1.0) == 0.1
    assert warmup_cosine(0, 100, 0, 1.0) == 1.0, "without a warm-up it starts at the peak"
    assert warmup_cosine(150, 100, 10, 1.0) == pytest.approx(0, abs=1e-12), "beyond the end it stays at 0"
    assert warmup_cosine(3, 5, 10, 1.0) == 0.4, "a run shorter than its warm-up only climbs"
    assert warmup_cosine(10, 10, 10, 1.0) == 1.0


def test_the_optimizer_has_clips_settings(model):
    optimizer = make_optimizer(model, 0.2)
    assert isinstance(optimizer, torch.optim.AdamW)
    for group, decay in zip(optimizer.param_groups, (0.2, 0.0), strict=True):
        assert (group["betas"], group["eps"], group["weight_decay"]) == ((0.9, 0.98), 1e-6, decay)
