"""The larger recipe's path, with a small recipe in the place of the GPU's: the engine trains the learner's weights."""

import copy
from functools import partial

import pytest
import torch

from clip_tutor.lessons.nb08_training.exercises.model import MyCLIP
from clip_tutor.lessons.nb08_training.larger import in_library, measure
from clip_tutor.training import TrainConfig, precision, train
from clip_tutor.training.config import with_flat_settings

CONFIG = TrainConfig(batch_size=8, learning_rate=1e-2, steps=3, warmup_steps=1)


@pytest.fixture
def mine(model):
    """A MyCLIP around the encoders of a tiny model."""
    return MyCLIP(model.image_tower, model.text_tower)


def test_the_engine_trains_the_learners_weights(mine, model, tokenizer, scenes):
    before = copy.deepcopy(mine)
    train(in_library(mine, model.config), tokenizer, scenes, CONFIG)
    unmoved = [
        name
        for (name, old), new in zip(before.named_parameters(), mine.parameters(), strict=True)
        if torch.equal(old, new)
    ]
    assert unmoved == []


def test_float16_with_its_loss_scale_trains_them_too(mine, model, tokenizer, scenes, monkeypatch):
    """What a GPU without bfloat16 does, on a processor that is told to try."""
    monkeypatch.setattr(precision, "computes_float16", lambda device: True)
    monkeypatch.setattr(precision, "computes_bfloat16", lambda device: False)
    monkeypatch.setattr(torch.amp, "GradScaler", partial(torch.amp.GradScaler, init_scale=2.0**6))
    before = copy.deepcopy(mine)
    config = with_flat_settings(CONFIG, precision="float16", record_every=1)
    history = train(in_library(mine, model.config), tokenizer, scenes, config)
    assert history[-1]["loss_scale"] == 64
    assert not torch.equal(before.image_tower.projection, mine.image_tower.projection)


def test_what_a_step_costs_is_measured(mine, model, tokenizer, scenes):
    whole = measure(in_library(mine, model.config), tokenizer, scenes, CONFIG, steps=2, precision="float32")
    parts = measure(in_library(mine, model.config), tokenizer, scenes, CONFIG, 2, precision="float32", micro_batch=2)
    assert whole.pairs_per_second > 0 and 0 <= whole.waiting <= 1
    assert 0 < parts.memory < whole.memory


def test_measuring_leaves_the_model_as_it_is(mine, model, tokenizer, scenes):
    before = copy.deepcopy(mine.state_dict())
    measure(in_library(mine, model.config), tokenizer, scenes, CONFIG, steps=1)
    assert all(torch.equal(before[name], tensor) for name, tensor in mine.state_dict().items())
