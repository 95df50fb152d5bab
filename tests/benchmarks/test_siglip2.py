"""The benchmark of SigLIP 2's recipe: its last line has every figure, and its intervals are those over seeds."""

import importlib
import json
import math
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from scipy import stats

from clip_tutor.training.siglip2_config import arm
from clip_tutor.training.siglip2_train import LOCAL_SIZE, PROTOTYPES, make_world
from clip_tutor.weights import save

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
RUNS = {("plain", 0): 0.1, ("plain", 1): 0.2, ("all", 0): 0.5, ("all", 1): 0.3, ("no_masks", 0): 0.4}


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("siglip2")


def test_an_interval_is_that_of_a_paired_t_test(benchmark):
    first, second = [0.50, 0.61, 0.55], [0.41, 0.55, 0.49]
    expected = stats.ttest_rel(first, second).confidence_interval(0.95)
    differences = [a - b for a, b in zip(first, second, strict=True)]
    assert benchmark.interval(differences) == pytest.approx([expected.low, expected.high])
    assert benchmark.interval([0.1]) is None


def test_gains_are_taken_seed_by_seed(benchmark):
    blank = dict.fromkeys(benchmark.Run.__dataclass_fields__, 0.0)
    runs: dict = {}
    for (name, seed), value in RUNS.items():
        runs.setdefault(name, {})[seed] = benchmark.Run(**blank | {"mean_iou": value})
    mean, bounds = benchmark.gain(runs, "all", "plain", "mean_iou")
    assert mean == pytest.approx(0.25) and bounds == pytest.approx(benchmark.interval([0.4, 0.1]))
    assert benchmark.gain(runs, "all", "no_masks", "mean_iou") == (pytest.approx(0.1), None), "one seed in common"
    assert benchmark.gain(runs, "all", "no_captions", "mean_iou") is None


def test_a_caption_competes_with_the_images_of_its_own_set(benchmark):
    images = torch.eye(4).repeat(2, 1)  # (8, 4): each image is there twice, once in each set
    texts = images.clone()
    assert benchmark.recall(images, texts, candidates=4) == 1
    texts[[0, 1]] = texts[[1, 0]]  # two of eight captions lead to each other's image
    assert benchmark.recall(images, texts, candidates=4) == 0.75


@pytest.mark.slow
def test_the_last_line_has_every_figure(benchmark, tmp_path, monkeypatch, capsys):
    for name, seed in RUNS:
        world = make_world(arm(name, local_size=LOCAL_SIZE, heads=PROTOTYPES), seed)
        notes = {"seconds": 60.0, "images": 960.0, "figures": {"recall_at_1": 0.5}}
        path = tmp_path / f"siglip2_{name}_{seed}.safetensors"
        save(path, world.learner.model, world.located.words, notes)
        if name != "plain":
            path.with_suffix(".json").write_text(json.dumps({"self_distillation": [None, 5.0, 4.5]}))
    saved = tmp_path / "siglip2.json"
    few = ["--scenes", "12", "--known", "30", "--save", str(saved)]
    monkeypatch.setattr(sys, "argv", ["siglip2.py", str(tmp_path), *few])
    benchmark.main()
    table, last = capsys.readouterr().out.strip().rsplit("\n", 1)
    figures = json.loads(last)
    assert json.loads(saved.read_text(encoding="utf-8")) == figures
    assert figures["runs"]["all"]["1"]["images"] == 960
    for name in ("siglip2_miou_gain", "siglip2_pointing_gain", "recall_difference"):
        low, high = figures[f"{name}_interval"]
        assert low <= figures[name] <= high, name
    assert figures["collapse_margin"] == pytest.approx(math.log(PROTOTYPES.prototypes) - 4.5)
    assert figures["arms"]["all"]["images"] == 960 and figures["arms"]["plain"]["collapse_margin"] is None
    assert 0 < figures["arms"]["all"]["pointing_chance"] < 1
    assert (
        figures["contributions"]["masks"]["mean_iou"][1] is None
        and not figures["contributions"]["captions"]["pointing"]
    )
    assert figures["seeds"] == {"all": [0, 1], "no_masks": [0], "plain": [0, 1]}
    assert "all than without masks" in table


def test_a_folder_without_models_says_what_is_missing(benchmark, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["siglip2.py", str(tmp_path)])
    with pytest.raises(SystemExit):
        benchmark.main()
    assert "holds no siglip2_ARM_SEED.safetensors" in capsys.readouterr().err
