"""The benchmark of text to image: its last line has every figure."""

import importlib
import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.slow
def test_the_last_line_has_every_figure(monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    text_to_image = importlib.import_module("text_to_image")
    for name, few in (("CAPTIONS", 2), ("COPIES", 2), ("TOGETHER", 4), ("JUDGED", 200)):
        monkeypatch.setattr(text_to_image, name, few)
    monkeypatch.setattr(sys, "argv", ["text_to_image.py", "--captions", "12", "--steps", "2", "--guidance", "2", "1"])
    text_to_image.main()
    table, last = capsys.readouterr().out.strip().rsplit("\n", 1)
    lines = ("test, real", "test, guidance 2", "test, guidance 1")
    expected = [*lines, *(line.replace("test", "compositional") for line in lines)]
    assert [line.startswith(name) for line, name in zip(table.splitlines()[-6:], expected, strict=True)] == [True] * 6
    figures = json.loads(last)
    for name in ("background_right", "count_right", "object_right", "relation_right", "object_right_by_clip"):
        assert 0 <= figures[name] <= 1, name
    assert min(figures["judge_on_real_scenes"].values()) >= 0.95
    assert figures["diversity"] > 0 and figures["diversity_by_clip"] > 0
    assert figures["ddim_vs_diffusers_max_difference"] <= 1e-6
    assert 0 < figures["seconds_per_image"] < 5 and figures["checkpoint_megabytes"] <= 8
