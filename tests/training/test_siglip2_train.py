"""The program that trains an arm: what it saves, writes down and measures."""

import json

import pytest
import torch

from clip_tutor.training import siglip2_train
from clip_tutor.weights import load


@pytest.mark.slow
def test_an_arm_is_trained_measured_and_saved(tmp_path, monkeypatch, capsys):
    for name, value in {"READ": 300, "ASKED": 30, "BATCH_SIZE": 6}.items():
        monkeypatch.setattr(siglip2_train, name, value)
    configs, train = [], siglip2_train.train
    monkeypatch.setattr(siglip2_train, "train", lambda *all_: configs.append(all_[0].config) or train(*all_))
    threads = torch.get_num_threads()
    path, curve = tmp_path / "all.safetensors", tmp_path / "all.json"
    try:
        siglip2_train.main(["all", "--seconds", "1", "--second-stage", "0.3", f"--save={path}", f"--curve={curve}"])
    finally:
        torch.set_num_threads(threads)
    assert [(one.second_stage, one.viewed, one.tasks_per_image) for one in configs] == [(0.3, 0.25, 1)]
    model, _, notes = load(path)
    assert notes["command"].startswith("python -m clip_tutor.training.siglip2_train all --seconds 1")
    assert 1 <= notes["seconds"] < 3 and notes["images"] >= 12
    assert set(notes["figures"]) == {"recall_at_1", "box_iou", "information", "collapse_margin"}
    assert not any("decoder" in name or "teacher" in name for name in model.state_dict())
    written = json.loads(curve.read_text("utf-8"))
    assert written["notes"] == notes and written["masked"][-1] > 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == notes


def test_an_arm_ships_small():
    arms = siglip2_train.make_world(siglip2_train.arm("plain"), seed=0).learner.model
    assert 5 * 2 * sum(parameter.numel() for parameter in arms.parameters()) < 5.8e6, "five arms in float16"
