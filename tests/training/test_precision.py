"""Half precision where the hardware has it, and a loss scale that keeps float16's gradients within its range."""

import copy
import math
from dataclasses import replace
from functools import partial

import pytest
import torch

from clip_tutor.data.scenes import Scenes
from clip_tutor.training import Efficiency, TrainConfig, precision, train
from clip_tutor.training.precision import autocast, computes_bfloat16, make_scaler, resolve_precision
from clip_tutor.training.skipped import MOST_SKIPPED, BrokenModelError
from clip_tutor.training.step import Trainer

CPU, GPU = torch.device("cpu"), torch.device("cuda")
FLOAT16 = Efficiency(precision="float16")
CONFIG = TrainConfig(batch_size=8, learning_rate=1e-3, steps=4, warmup_steps=2, record_every=1, efficiency=FLOAT16)
CONFIG_32 = replace(CONFIG, efficiency=Efficiency(precision="float32"))
FITS, TOO_HIGH = 2.0**8, 2.0**28  # loss scales: gradients stay in the range of float16, or are infinite


@pytest.fixture
def float16_here(monkeypatch):
    """Let a CPU, which emulates float16, be asked to compute in it."""
    monkeypatch.setattr(precision, "computes_float16", lambda device: True)


def start_at(monkeypatch, scale, **settings):
    """Let every new scaler begin with this loss scale."""
    monkeypatch.setattr(torch.amp, "GradScaler", partial(torch.amp.GradScaler, init_scale=scale, **settings))


@pytest.fixture
def batch(scenes, tokenizer):
    return next(iter(scenes.stream(tokenizer, 8)))


# ---- which precision ------------------------------------------------------------------------------------------------


def test_bfloat16_only_where_the_processor_has_it(monkeypatch):
    def dtype(precision="auto"):
        with autocast(CPU, precision):
            return (torch.ones(2, 2) @ torch.ones(2, 2)).dtype

    for has, expected in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda has=has: has)
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
        assert computes_bfloat16(CPU) is has
        assert dtype() == expected
    assert dtype("float32") == torch.float32
    assert dtype("bfloat16") == torch.bfloat16
    assert dtype("float16") == torch.float16


def test_a_gpu_without_bfloat16_takes_float16(monkeypatch):
    monkeypatch.setattr(precision, "computes_bfloat16", lambda device: False)
    assert resolve_precision(GPU, "auto") == "float16"
    assert resolve_precision(CPU, "auto") == "float32"
    assert resolve_precision(GPU, "float32") == "float32", "what is asked for is taken"
    monkeypatch.setattr(precision, "computes_bfloat16", lambda device: True)
    assert resolve_precision(GPU, "auto") == "bfloat16"


def test_only_float16_has_a_loss_scale():
    for name in ("float32", "bfloat16"):
        assert not make_scaler(CPU, name).is_enabled()
    assert make_scaler(CPU, "float16").is_enabled()


def test_float16_and_sharding_are_refused_where_auto_chooses_it(make_model, monkeypatch, float16_here):
    monkeypatch.setattr(precision, "computes_bfloat16", lambda device: False)
    with pytest.raises(ValueError, match="float16 needs gradients that are whole"):
        Trainer(make_model(), replace(CONFIG, efficiency=Efficiency(shard=True)))


# ---- the loss scale -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("micro_batch", [None, 4])
def test_gradients_are_unscaled_before_they_are_clipped(make_model, batch, float16_here, monkeypatch, micro_batch):
    start_at(monkeypatch, FITS)
    half = make_model().train()
    whole = copy.deepcopy(half)
    efficiency = replace(FLOAT16, micro_batch=micro_batch)
    ours, theirs = Trainer(half, replace(CONFIG, efficiency=efficiency)), Trainer(whole, CONFIG_32)
    for _ in range(3):
        step, expected = (trainer.step(batch.pixels, batch.ids, 1e-3) for trainer in (ours, theirs))
        assert not step.skipped
        assert step.loss == pytest.approx(expected.loss, rel=1e-2)
        assert step.gradient_norm == pytest.approx(expected.gradient_norm, rel=5e-2)
    assert ours.scaler.get_scale() == FITS
    assert all(parameter.dtype == torch.float32 for parameter in half.parameters())


@pytest.mark.parametrize("micro_batch", [None, 4])
def test_an_overflow_skips_the_step_and_halves_the_scale(make_model, batch, float16_here, monkeypatch, micro_batch):
    start_at(monkeypatch, TOO_HIGH)
    model = make_model(stem_channels=(4, 8, 8)).train()
    before = copy.deepcopy(model.state_dict())
    trainer = Trainer(model, replace(CONFIG, ema=0.9, efficiency=replace(FLOAT16, micro_batch=micro_batch)))
    step = trainer.step(batch.pixels, batch.ids, 1e-3)
    assert step.overflow and step.skipped and step.nonfinite_rows is None
    assert trainer.scaler.get_scale() == TOO_HIGH / 2
    assert not trainer.optimizer.state, "AdamW has not stepped"
    assert trainer.average.step == 0
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items()), "statistics, too"


def test_a_scale_that_falls_is_no_broken_model(make_model, scenes, tokenizer, float16_here, monkeypatch, capsys):
    start_at(monkeypatch, TOO_HIGH)
    history = train(make_model(), tokenizer, scenes, replace(CONFIG, steps=20))
    last = history[-1]
    overflows = round(last["overflow_steps"])
    assert overflows > MOST_SKIPPED
    assert last["loss_scale"] == TOO_HIGH / 2**overflows
    assert last["skipped_steps"] == 0
    sound = [record for record in history if math.isfinite(record["gradient_norm"])]  # the last step is always recorded
    assert len(sound) == 20 - overflows > 1, "then it learns"
    assert capsys.readouterr().out.count("its gradients overflow float16; the loss scale is halved") == overflows


def test_gradients_that_overflow_at_any_scale_are_a_broken_model(
    make_model, scenes, tokenizer, float16_here, monkeypatch
):
    start_at(monkeypatch, 8.0)
    model = make_model()
    model.text_tower.projection.register_hook(lambda gradient: gradient * torch.inf)
    with pytest.raises(BrokenModelError, match="the last 10 steps, up to step 13"):  # at 8, 4 and 2 it may be the scale
        train(model, tokenizer, scenes, replace(CONFIG, steps=50))


def test_a_broken_batch_is_no_overflow(make_model, batch, float16_here, monkeypatch):
    start_at(monkeypatch, FITS)
    trainer = Trainer(make_model().train(), CONFIG)
    pixels = batch.pixels.float() / 255
    pixels[2, 0, 5, 5] = torch.nan
    step = trainer.step(pixels, batch.ids, 1e-3)
    assert step.nonfinite_rows == [2] and not step.overflow
    assert not trainer.step(batch.pixels, batch.ids, 1e-3).skipped, "and the next one goes on"


class Killed(Scenes):
    """Scenes whose batch ``kill_at`` ends the run."""

    kill_at = 0

    def show(self, plan, indices, mirrored, searches):
        if indices[0] == self.kill_at * CONFIG.batch_size:
            raise ZeroDivisionError
        return super().show(plan, indices, mirrored, searches)


@pytest.mark.slow
@pytest.mark.parametrize("kill_at", [2, 9])
def test_the_scale_survives_a_restart(
    make_model, scenes, objects, tokenizer, tmp_path, float16_here, monkeypatch, kill_at
):
    """While it falls from a start too high, and when it grows again after every third sound step."""
    start_at(monkeypatch, 2.0**18, growth_interval=3)
    config = replace(CONFIG, steps=14, ema=0.9, checkpoint_every=1)
    unbroken, continued, killed = make_model(), make_model(seed=1), Killed(objects, size=32)
    killed.kill_at = kill_at
    expected = train(unbroken, tokenizer, scenes, config)
    with pytest.raises(ZeroDivisionError):
        train(make_model(), tokenizer, killed, config, run=tmp_path)
    history = train(continued, tokenizer, scenes, config, run=tmp_path)
    for name in ("step", "loss", "loss_scale", "overflow_steps"):
        assert [record[name] for record in history] == [record[name] for record in expected]
    assert len({record["loss_scale"] for record in expected}) > 1
    for name, tensor in unbroken.state_dict().items():
        assert torch.equal(continued.state_dict()[name], tensor), name
