"""A run in a file: read, checked by name, and run from a shell as from torchrun."""

import json
import subprocess
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pytest
import torch
from PIL import Image

from clip_tutor.data.sources import FolderData, ScenesData
from clip_tutor.evaluation.report import full_report
from clip_tutor.training import __main__ as shell
from clip_tutor.training.__main__ import parse, settings_of
from clip_tutor.training.config import Efficiency, TrainConfig
from clip_tutor.training.log import read_log
from clip_tutor.training.recipes import RECIPES
from clip_tutor.training.settings import read_settings
from clip_tutor.weights import load

ROOT = Path(__file__).parents[2]
WHOLE = """
model: tiny
data: {source: scenes, objects: everyday}
train:
  batch_size: 32
  learning_rate: 1e-3     # YAML reads this as text
  steps: 3
  record_every: 1
  ema: 0.9
  seconds: null
"""


def written(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_becomes_settings(tmp_path):
    settings = read_settings(written(tmp_path / "a.yaml", WHOLE + "timeout: 30\n"))
    assert settings.data == ScenesData("everyday")
    expected = TrainConfig(batch_size=32, learning_rate=1e-3, steps=3, record_every=1, ema=0.9)
    assert asdict(settings.train) == asdict(expected)
    assert settings.timeout == 30.0
    assert isinstance(settings.train.learning_rate, float)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (WHOLE.replace("batch_size", "batchsize"), "train: there is no setting 'batchsize': did you mean 'batch_size'"),
        (WHOLE.replace("steps: 3", "steps: many"), "train: steps: is 'many', and must be int"),
        (WHOLE.replace("1e-3", "fast"), "learning_rate: is 'fast', and must be a number"),
        (WHOLE.replace("  ema: 0.9", "  loss: hinge"), "loss: is 'hinge', and may be 'softmax', 'sigmoid'"),
        (WHOLE.replace("scenes,", "disk,"), "data: say where pairs come from, source: scenes, folder, .*'disk'"),
        (WHOLE.replace("model: tiny", ""), "'model' is missing"),
        (WHOLE.replace("objects: everyday", "objects: few"), "data: objects: is 'few', and may be 'everyday', 'all'"),
        ("model: [", "is not YAML"),
        ("tiny", "should hold settings such as 'model: tiny', and it holds str"),
        ("- tiny", "and it holds list"),
        ("# nothing yet", "and it is empty"),
        (WHOLE.replace("  steps", "\tsteps"), "is not YAML; lines are moved in by spaces, not tabs: "),
        (WHOLE + "model: small\n", "'model' is given twice, in line 2 and in line 11"),
        (WHOLE.replace("{source: scenes,", "{source: scenes, source: scenes,"), "'source' is given twice, in line 3"),
        (WHOLE.replace("  ema: 0.9", "  steps: 4"), "'steps' is given twice, in line 7 and in line 9"),
        (WHOLE.replace("batch_size: 32", "batch_size: 0"), "a.yaml, train: batch_size: is 0, and must be 2 or more"),
        (WHOLE.replace("1e-3", ".nan"), "a.yaml, train: learning_rate: is nan, and must be a number above 0"),
        (WHOLE.replace("steps: 3", "steps: 1e6"), "train: steps: is '1e6', and must be int .a whole number, such as"),
        (WHOLE + "save: model.pt\n", "a.yaml: save: is 'model.pt', and must be a file's name that ends in .safetens"),
        (WHOLE.replace("source: scenes", "source: [scenes]"), "data: say where pairs come from, source: "),
        (WHOLE + "test: photos\n", "test: say where pairs come from"),
        (WHOLE.replace("  ema: 0.9", "  shard: true"), "no setting 'shard': it belongs to 'efficiency', as in effici"),
        (WHOLE.replace("  ema: 0.9", "  efficiency: {shards: true}"), "train: efficiency: there is no .* mean 'shard'"),
        (WHOLE.replace("  ema: 0.9", "  efficiency: {chunk_size: 0}"), "train: efficiency: chunk_size: is 0, and must"),
        (WHOLE.replace("  ema: 0.9", "  efficiency: fast"), "train: efficiency: is 'fast', and must be Efficiency"),
    ],
)
def test_a_mistake_is_named(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_settings(written(tmp_path / "a.yaml", text))


def test_settings_of_efficiency_stand_below_it(tmp_path):
    text = WHOLE.replace("  ema: 0.9", "  efficiency: {micro_batch: 8, precision: float32}")
    efficiency = read_settings(written(tmp_path / "a.yaml", text)).train.efficiency
    assert efficiency == Efficiency(micro_batch=8, precision="float32")


def test_text_of_another_encoding_is_named(tmp_path):
    (tmp_path / "a.yaml").write_bytes(WHOLE.replace("reads", "röads").encode("latin-1"))
    with pytest.raises(ValueError, match=r"a\.yaml is not text in UTF-8 .*save it again in that encoding"):
        read_settings(tmp_path / "a.yaml")
    (tmp_path / "b.yaml").write_text(WHOLE, encoding="utf-8-sig")
    assert read_settings(tmp_path / "b.yaml").model == "tiny", "a mark before the first letter is no part of the text"


def test_a_section_that_is_left_empty_is_left_out(tmp_path):
    assert read_settings(written(tmp_path / "a.yaml", WHOLE + "test:\nsave: null\n")).test is None


def test_what_is_neither_recipe_nor_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="give a YAML file, or the name of a recipe"):
        read_settings(tmp_path / "first_lihgt")


def test_options_win_over_the_recipe():
    options = ["first_light", "--steps", "7", "--loss", "sigmoid", "--compile", "--freeze", "image", "--ema", "0.99"]
    options += ["--micro-batch", "16", "--precision", "float16"]
    settings = settings_of(parse([*options, "--run", "here"]))
    train = settings.train
    assert (train.steps, train.loss, train.freeze, train.ema) == (7, "sigmoid", "image", 0.99)
    assert train.efficiency == Efficiency(precision="float16", micro_batch=16, compile=True)
    assert train.batch_size == RECIPES["first_light"].train.batch_size
    assert settings.run == "here"


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of 40 small images, each with two captions."""
    folder = tmp_path_factory.mktemp("photos")
    lines = ["file_name,caption"]
    for n in range(40):
        color = ("red", "green", "blue", "white")[n % 4]
        Image.new("RGB", (70, 60 + n), color).save(folder / f"{n}.png")
        lines += [f"{n}.png,a {color} image", f"{n}.png,nothing but {color}"]
    written(folder / "captions.csv", "\n".join(lines))
    return folder


def of_photos(folder, save):
    """A run on these photos, measured on them as well."""
    data = f"{{source: folder, path: {folder}}}"
    return WHOLE.replace("{source: scenes, objects: everyday}", data) + f"test: {data}\nsave: {save}\n"


def test_photos_of_a_folder_train_from_a_file_and_are_measured(photos, tmp_path, capsys):
    settings = read_settings(written(tmp_path / "a.yaml", of_photos(photos, tmp_path / "done.safetensors")))
    assert settings.data == FolderData(str(photos))
    shell.main([str(tmp_path / "a.yaml"), "--device", "cpu", "--run", str(tmp_path / "run")])
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert report["test_images"] == 40 and report["test_captions"] == 80
    assert 0 <= report["text_to_image_recall_at_1"] <= report["text_to_image_recall_at_10"] <= 1
    assert [record["step"] for record in read_log(tmp_path / "run")] == [1, 2, 3]
    assert any((tmp_path / "run" / "tensorboard").iterdir())
    assert load(tmp_path / "done.safetensors").tokenizer.encode("a red image")


@pytest.mark.slow
def test_scenes_train_from_a_file_and_are_measured(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(shell, "ASKED", 60)
    monkeypatch.setattr(shell, "full_report", partial(full_report, count=60))
    text = WHOLE.replace("  ema: 0.9\n", "") + f"image_size: 48\nsave: {tmp_path}/done.safetensors\n"
    shell.main([str(written(tmp_path / "a.yaml", text)), "--device", "cpu"])
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert report["steps"] == 3 and 0 <= report["recall_at_1"] <= 1
    assert load(tmp_path / "done.safetensors").model.config.vision.image_size == 48


@pytest.mark.slow
def test_torchrun_runs_a_file_with_two_processes(photos, tmp_path):
    text = of_photos(photos, tmp_path / "done.safetensors").replace("  ema: 0.9\n", "")
    config = written(tmp_path / "a.yaml", text + f"image_size: 48\nrun: {tmp_path}/run\n")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--rdzv-backend", "c10d"]
    command = [*torchrun, "--rdzv-endpoint", "localhost:0", "-m", "clip_tutor.training", str(config), "--device", "cpu"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("trained 3 steps") == 1, "one process speaks"
    model = load(tmp_path / "done.safetensors").model
    assert model.config.vision.image_size == 48
    assert all(tensor.isfinite().all() for tensor in model.state_dict().values())
    assert torch.equal(
        model.image_tower.pos_embed, load(tmp_path / "run" / "checkpoint.safetensors").model.image_tower.pos_embed
    )
