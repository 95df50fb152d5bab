"""A setting that no run could use is refused by name, wherever it is given, before anything is computed."""

import math
from dataclasses import replace

import pytest

from clip_tutor.data.sources import FolderData, ScenesData
from clip_tutor.training import TrainConfig
from clip_tutor.training.__main__ import parse, settings_of
from clip_tutor.training.config import ALLOWED, ALLOWED_EFFICIENCY, Efficiency, flat_settings, with_flat_settings
from clip_tutor.training.settings import Recipe

CONFIG = TrainConfig(batch_size=8, learning_rate=1e-3)
RUN = Recipe("tiny", FolderData("photos"), CONFIG)
OUT_OF_RANGE = {
    "batch_size": (0, -4, 1),
    "learning_rate": (0, -1e-3, math.nan, math.inf),
    "steps": (0, -1),
    "seconds": (0.0, -5, math.nan, math.inf),
    "warmup_steps": (-1,),
    "weight_decay": (-0.1, math.nan),
    "seed": (-1, 1 << 32),
    "label_smoothing": (-0.1, 1.0, math.nan),
    "layer_decay": (0.0, 1.5, math.nan),
    "max_grad_norm": (0.0, math.nan),
    "ema": (-0.1, 1.0, math.nan),
    "micro_batch": (0, 9),
    "chunk_size": (0,),
    "workers": (-1,),
    "record_every": (0,),
    "checkpoint_every": (0, -500),
}
WRONG_KIND = {
    "batch_size": ("8", 8.0, True, None),
    "learning_rate": ("1e-3", True, None),
    "steps": (1e6, None),
    "seed": (None, 0.5),
    "compile": (1, "no"),
    "loss": ("hinge", None, ["softmax"]),
    "freeze": ("both", False),
}


def cases(table):
    return [(name, value) for name, values in table.items() for value in values]


@pytest.mark.parametrize(("name", "value"), cases(OUT_OF_RANGE))
def test_a_value_that_no_run_could_use(name, value):
    with pytest.raises(ValueError, match=rf"^{name}: is {value!r}, and must be "):
        with_flat_settings(CONFIG, **{name: value})


@pytest.mark.parametrize(("name", "value"), cases(WRONG_KIND))
def test_a_value_of_another_kind(name, value):
    with pytest.raises(ValueError, match=rf"^{name}: is .*, and (must|may) be "):
        with_flat_settings(CONFIG, **{name: value})


def test_every_number_among_the_settings_has_a_range():
    numbers = {name for name, value in flat_settings(CONFIG).items() if type(value) in (int, float)}
    allowed = set(ALLOWED) | set(ALLOWED_EFFICIENCY)
    assert numbers | {"seconds", "ema", "micro_batch", "chunk_size"} == allowed == set(OUT_OF_RANGE)


def test_values_at_the_edge_are_taken():
    edges = {"batch_size": 2, "steps": 1, "warmup_steps": 0, "weight_decay": 0, "layer_decay": 1, "micro_batch": 2}
    edges |= {"max_grad_norm": math.inf, "ema": 0, "chunk_size": 1, "seconds": 1}
    assert flat_settings(with_flat_settings(CONFIG, **edges)).items() >= edges.items()


def test_efficiency_is_a_config_of_its_own():
    config = TrainConfig(batch_size=8, learning_rate=1e-3, efficiency=Efficiency(micro_batch=4, precision="float32"))
    assert config == with_flat_settings(CONFIG, micro_batch=4, precision="float32")
    assert with_flat_settings(config, steps=3).efficiency == config.efficiency, "what is not named stays"
    assert with_flat_settings(CONFIG, efficiency=config.efficiency) == config
    flat = flat_settings(config)
    assert (flat["micro_batch"], flat["precision"], flat["batch_size"]) == (4, "float32", 8)
    assert "efficiency" not in flat
    with pytest.raises(ValueError, match=r"^efficiency: is None, and must be Efficiency"):
        replace(CONFIG, efficiency=None)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": "sigmoid", "label_smoothing": 0.1}, "label smoothing belongs to the softmax loss"),
        ({"ema": 0.99, "shard": True}, "needs them whole: leave out shard, or ema"),
        ({"precision": "float16", "shard": True}, "float16 needs gradients that are whole"),
    ],
)
def test_settings_that_do_not_go_together_are_refused_without_a_model(settings, message):
    with pytest.raises(ValueError, match=message):
        with_flat_settings(CONFIG, **settings)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"save": "model.pt"}, r"save: is 'model.pt', and must be a file's name that ends in .safetensors"),
        ({"save": ""}, "save: is ''"),
        (
            {"run": "a", "save": "b/../a/checkpoint.safetensors"},
            "save: .* is the checkpoint from which the run continues",
        ),
        ({"image_size": 0}, "image_size: is 0, and must be 1 or more"),
        ({"timeout": math.inf}, "timeout: is inf"),
        ({"test": ScenesData()}, "test: scenes are measured on scenes of their own"),
        ({"test": FolderData("a"), "data": ScenesData()}, "leave test out"),
    ],
)
def test_a_run_that_could_not_end_well(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(RUN, **changes)


@pytest.mark.parametrize("option", [["--batch-size", "0"], ["--seconds", "nan"], ["--save", "here.pt"]])
def test_options_are_checked_as_a_file_is(option):
    with pytest.raises(ValueError, match=rf"^{option[0][2:].replace('-', '_')}: is "):
        settings_of(parse(["first_light", *option]))
