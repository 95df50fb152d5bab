"""The benchmark of captioning: its last line has every figure; its scores are those of the papers."""

import importlib
import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_scores_are_those_of_the_coco_evaluation(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    caption_scores = importlib.import_module("caption_scores").caption_scores
    wanted = [["a cat left of a dog on red"], ["two red apples on blue", "two apples on a blue background"]]
    perfect = caption_scores(["A cat left of a dog, on red.", "two red apples on blue"], wanted)
    swapped = caption_scores(["a dog left of a cat on red", "two red apples on blue"], wanted)
    assert perfect.bleu_4 == pytest.approx(100)
    assert 50 < swapped.bleu_4 < 90, "all words are there, and it is wrong"
    assert swapped.cider < perfect.cider
    with pytest.raises(ValueError, match="give at least two"):
        caption_scores(["a"], [["a"]])


@pytest.mark.slow
def test_the_last_line_has_every_figure(monkeypatch: pytest.MonkeyPatch, capsys, tmp_path: Path):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    captioning = importlib.import_module("captioning")
    monkeypatch.setattr(captioning, "BLIND_STEPS", 20)
    saved = tmp_path / "found.json"
    asked = ["--scenes", "60", "--neighbors", "200", "--save", str(saved)]
    monkeypatch.setattr(sys, "argv", ["captioning.py", *asked])
    captioning.main()
    table, last = capsys.readouterr().out.strip().rsplit("\n", 1)
    figures = json.loads(last)
    for name in ("background_right", "count_right", "object_right", "object_share", "relation_right", "all_right"):
        assert 0 < figures[f"caption_{name}"] <= 1.5, name
    low, middle, high = (figures[f"caption_beats_retrieval{end}"] for end in ("_low", "", "_high"))
    assert low <= middle <= high
    assert figures["caption_object_share"] == figures["caption_object_right"] / figures["zero_shot_object"]
    captioners = json.loads(saved.read_text("utf-8"))["captioners"]
    assert list(captioners) == ["captioner", "shuffled", "blind", "nearest"]
    assert captioners["shuffled"]["background"] < 0.4 < captioners["captioner"]["background"]
    assert all(name in table for name in captioners)
