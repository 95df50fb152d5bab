"""The engine's step is the plain step, whatever it is asked to do on the way."""

import copy
import math
from dataclasses import replace

import pytest
import torch

from clip_tutor.losses import contrastive_loss
from clip_tutor.training import TrainConfig
from clip_tutor.training.config import Efficiency, with_flat_settings
from clip_tutor.training.plain import train_step
from clip_tutor.training.schedule import make_optimizer
from clip_tutor.training.step import Trainer, clip_grad_norm

# Some processors compute bfloat16, and there "auto" would take it.
CONFIG = TrainConfig(batch_size=16, learning_rate=1e-3, efficiency=Efficiency(precision="float32"))


@pytest.fixture
def batch(scenes, tokenizer):
    return next(iter(scenes.stream(tokenizer, 16)))


@pytest.mark.parametrize("stem_channels", [(), (4, 8, 8)])
def test_the_engine_takes_the_plain_step(make_model, batch, stem_channels):
    plain = make_model(stem_channels=stem_channels).train()
    ours = copy.deepcopy(plain)
    optimizer, trainer = make_optimizer(plain, CONFIG.weight_decay), Trainer(ours, CONFIG)
    for lr in (1e-3, 5e-4, 0.1):
        loss, scale = train_step(plain, optimizer, batch.pixels, batch.ids, lr)
        step = trainer.step(batch.pixels, batch.ids, lr)
        assert not step.skipped
        assert (step.loss, step.logit_scale) == (loss.item(), scale.item())
    for name, tensor in plain.state_dict().items():
        assert torch.equal(ours.state_dict()[name], tensor), name


@pytest.mark.parametrize(
    ("settings", "bias"),
    [
        ({"micro_batch": 5}, None),
        ({"chunk_size": 3}, None),
        ({"checkpoint_activations": True}, None),
        ({"shard": True}, None),  # among one process there is nothing to cut up
        ({"label_smoothing": 0.1, "micro_batch": 4}, None),
        ({"loss": "sigmoid", "micro_batch": 4}, -3.0),
        ({"loss": "sigmoid", "chunk_size": 5}, -3.0),
        ({"freeze": "image", "micro_batch": 8}, None),
    ],
    ids=str,
)
def test_saving_memory_changes_no_number(make_model, batch, settings, bias):
    plain = make_model().double().train()
    if bias is not None:
        plain.logit_bias = torch.nn.Parameter(torch.tensor(bias, dtype=torch.float64))
    frugal = copy.deepcopy(plain)
    what = {key: value for key, value in settings.items() if key in ("loss", "label_smoothing", "freeze")}
    learners = [Trainer(plain, replace(CONFIG, **what)), Trainer(frugal, with_flat_settings(CONFIG, **settings))]
    for _ in range(3):
        steps = [trainer.step(batch.pixels, batch.ids, 1e-3) for trainer in learners]
        assert steps[0].loss == pytest.approx(steps[1].loss, abs=1e-12)
    for name, tensor in plain.state_dict().items():
        torch.testing.assert_close(frugal.state_dict()[name], tensor, atol=1e-10, rtol=0, msg=name)


def test_the_loss_is_the_one_that_was_asked_for(make_model, batch):
    model = make_model().train()
    features = [f.detach() for f in model(model.config.preprocessing.normalize(batch.pixels), batch.ids)[:3]]
    for smoothing in (0.0, 0.1):
        trainer = Trainer(copy.deepcopy(model), replace(CONFIG, label_smoothing=smoothing))
        expected = contrastive_loss(*features, label_smoothing=smoothing).item()
        assert trainer.step(batch.pixels, batch.ids, 1e-3).loss == pytest.approx(expected, rel=1e-5)


def test_the_scale_is_clamped_after_the_step(make_model, batch):
    model = make_model().train()
    model.log_logit_scale.data.fill_(math.log(150.0))
    Trainer(model, CONFIG).step(batch.pixels, batch.ids, 1e-4)
    assert model.log_logit_scale.exp().item() == pytest.approx(100.0)


def test_lower_layers_learn_more_slowly(make_model, batch):
    model = make_model().train()
    before = copy.deepcopy(model)
    trainer = Trainer(model, replace(CONFIG, layer_decay=0.1, weight_decay=0.0))
    trainer.step(batch.pixels, batch.ids, 1e-3)

    def moved(name):
        return (model.get_parameter(name) - before.get_parameter(name)).abs().max().item()

    assert moved("image_tower.projection") == pytest.approx(1e-3, rel=0.05), "AdamW's first step is the lr"
    assert moved("image_tower.patch_embed.proj.weight") == pytest.approx(1e-4, rel=0.05)


def test_gradients_are_shortened_together(make_model):
    model = make_model()
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    length = math.sqrt(sum(parameter.numel() for parameter in model.parameters()))
    assert clip_grad_norm(model, 2.0) == pytest.approx(length, rel=1e-5)
    assert clip_grad_norm(model, 5.0) == pytest.approx(2.0, rel=1e-4), "now they are as long as they may be"
    assert clip_grad_norm(model, 5.0) == pytest.approx(2.0, rel=1e-4), "and shorter ones stay"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": "sigmoid"}, r"the sigmoid loss learns a bias, and this model has none.*logit_bias=-10.0"),
        ({"precision": "float16"}, "this cpu does not compute in float16: it would emulate it"),
        ({"precision": "bfloat16"}, "does not compute in bfloat16: it would emulate it, a hundred times slower"),
        ({"ema": 0.99, "shard": True}, "needs them whole"),
    ],
)
def test_what_does_not_go_together_is_refused(make_model, monkeypatch, settings, message):
    monkeypatch.setattr("clip_tutor.training.precision.computes_bfloat16", lambda device: False)
    with pytest.raises(ValueError, match=message):
        Trainer(make_model(), with_flat_settings(CONFIG, **settings))
