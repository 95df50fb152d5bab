"""The plain loop and the engine learn the same, bit for bit."""

import torch

from clip_tutor import zoo
from clip_tutor.data.scenes import Scenes
from clip_tutor.model import CLIP
from clip_tutor.training import Efficiency, TrainConfig, plain, train

SETTINGS = {"batch_size": 8, "learning_rate": 1e-2, "steps": 6, "warmup_steps": 2, "weight_decay": 0.2}


def assert_both_learn_the_same(make, scenes, tokenizer):
    engine, ours, untrained = make(), make(), make()
    train(engine, tokenizer, scenes, TrainConfig(**SETTINGS, efficiency=Efficiency(precision="float32")))
    plain.train(ours, tokenizer, scenes, **SETTINGS)
    assert not ours.training
    for name, tensor in ours.state_dict().items():
        assert torch.equal(engine.state_dict()[name], tensor), name
    assert not torch.equal(ours.text_tower.projection, untrained.text_tower.projection)


def test_the_engine_learns_what_the_plain_loop_learns(make_model, scenes, tokenizer):
    for stem_channels in ((), (4, 8, 8)):
        assert_both_learn_the_same(lambda stem=stem_channels: make_model(stem_channels=stem), scenes, tokenizer)


def test_tiny_is_trained_alike(objects, tokenizer):
    def make():
        torch.manual_seed(0)
        return CLIP(zoo.config("tiny")).to(memory_format=torch.channels_last)

    scenes = Scenes(objects, size=zoo.config("tiny").vision.image_size)
    assert_both_learn_the_same(make, scenes, tokenizer)


def test_each_step_is_printed(make_model, scenes, tokenizer, capsys):
    plain.train(make_model(), tokenizer, scenes, **SETTINGS)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == SETTINGS["steps"]
    assert lines[0].startswith("step 1 of 6: loss 2.") and lines[0].endswith("temperature 1/14.3")
