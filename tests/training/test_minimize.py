"""The plain loop for what is not a CLIP: it learns, it can be stopped, and it looks while it goes on."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clip_tutor.training import TrainConfig
from clip_tutor.training.config import CHECKPOINT, Efficiency
from clip_tutor.training.log import read_log
from clip_tutor.training.minimize import minimize
from clip_tutor.weights import read_tensors

CONFIG = TrainConfig(
    8, 5e-2, steps=8, warmup_steps=2, record_every=2, checkpoint_every=3, efficiency=Efficiency(precision="float32")
)


def make_model(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))


def loss_of(model: nn.Module, step: int) -> Tensor:
    x = torch.randn(16, 4, generator=torch.Generator().manual_seed(step))
    return F.mse_loss(model(x), x.sum(dim=1, keepdim=True))


def test_it_learns():
    model = make_model()
    history = minimize(model, lambda step: loss_of(model, step), replace(CONFIG, steps=200, record_every=50))
    assert [record["step"] for record in history] == [50, 100, 150, 200]
    assert history[-1]["loss"] < history[0]["loss"] and history[-1]["learning_rate"] < history[0]["learning_rate"] / 5
    assert not model.training
    assert loss_of(model, 1000) < 0.4, "saying 0 would cost 4"


def test_a_run_goes_on_as_if_it_had_not_been_stopped(tmp_path: Path):
    whole, stopped, again = make_model(), make_model(), make_model(seed=1)
    history = minimize(whole, lambda step: loss_of(whole, step), CONFIG)

    def interrupted(step: int) -> Tensor:
        if step == 4:  # the last checkpoint is that of step 3
            raise KeyboardInterrupt
        return loss_of(stopped, step)

    with pytest.raises(KeyboardInterrupt):
        minimize(stopped, interrupted, CONFIG, tmp_path)
    continued = minimize(again, lambda step: loss_of(again, step), CONFIG, tmp_path)
    for name, tensor in whole.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], tensor, rtol=0, atol=0)
    assert [record["step"] for record in continued] == [record["step"] for record in history] == [2, 4, 6, 8]
    assert [record["step"] for record in read_log(tmp_path)] == [2, 4, 6, 8]
    with pytest.raises(ValueError, match=r"started with other settings \(learning_rate 0.05 → 0.1\)"):
        minimize(again, lambda step: loss_of(again, step), replace(CONFIG, learning_rate=0.1), tmp_path)


def test_what_asks_for_no_gradient_stays_as_it_is(tmp_path: Path):
    model, again = make_model(), make_model(seed=1)
    before = model[0].requires_grad_(False).weight.clone()
    again[0].requires_grad_(False)
    minimize(model, lambda step: loss_of(model, step), CONFIG, tmp_path, metadata={"what": "three layers"})
    assert torch.equal(model[0].weight, before) and not torch.equal(model[2].weight, make_model()[2].weight)
    assert read_tensors(tmp_path / CHECKPOINT)[1]["what"] == "three layers"
    minimize(again, lambda step: loss_of(again, step), CONFIG, tmp_path)  # nothing is left to do
    assert torch.equal(again[0].weight, before)


def test_it_is_measured_in_evaluation_mode_and_trained_in_the_other():
    model = make_model()
    modes: list[tuple[str, bool]] = []

    def loss_at(step: int) -> Tensor:
        modes.append(("loss", model.training))
        return loss_of(model, step)

    def look() -> dict[str, float]:
        modes.append(("look", model.training))
        return {"looked": 1.0}

    history = minimize(model, loss_at, replace(CONFIG, steps=5), evaluate=look, evaluate_every=3)
    assert set(modes) == {("loss", True), ("look", False)}
    assert [record["step"] for record in history if "looked" in record] == [3, 5]
