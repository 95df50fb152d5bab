"""The benchmark of zero-shot classification: it counts what was encoded, and ends in one line of JSON."""

import importlib
import json
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest
from datasets import Dataset, Features, Image, List, Value

from clip_tutor.weights import load
from tests.data.photographs import captions_of, encoded

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def zero_shot(monkeypatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("zero_shot")


@pytest.fixture
def photos(tmp_path) -> Path:
    rows = {
        "image": [{"bytes": b"broken" if n == 3 else encoded(n), "path": None} for n in range(12)],
        "captions": [list(captions_of(n)) for n in range(12)],
    }
    features = Features({"image": Image(), "captions": List(Value("string"))})
    Dataset.from_dict(rows, features=features).to_parquet(str(tmp_path / "test.parquet"))
    return tmp_path


@pytest.mark.slow
def test_the_last_line_is_json_and_counts_what_was_left_out(zero_shot, photos, monkeypatch, capsys):
    options = ["--data", str(photos), "--model", "tiny", "--rounds", "1", "--seconds", "0.1", "--device", "cpu"]
    monkeypatch.setattr(sys, "argv", ["zero_shot.py", *options])
    zero_shot.main()
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (figures["images"], figures["left_out"], figures["benchmark"]) == (11, 1, "zero_shot")
    assert figures["images_per_second"] > 0 < figures["encoder_images_per_second"]
    share = figures["images_per_second"] / figures["encoder_images_per_second"]
    assert figures["share_of_encoder"] == pytest.approx(share, rel=0.5) and figures["shipped_share_of_encoder"] > 0


def test_a_slow_decoder_lowers_the_share(zero_shot, monkeypatch):
    """What is measured is the time from files, not the encoder's alone."""
    images = zero_shot.LabelledImages(
        tuple(f"class {n}" for n in range(10)), list(range(10)), [encoded(n) for n in range(10)]
    )
    model = load("emoji").model
    quick, _ = zero_shot.from_files(model, images, 1)
    real = zero_shot.LabelledImages.open
    monkeypatch.setattr(zero_shot.LabelledImages, "open", lambda self, row: (time.sleep(0.05), real(self, row))[1])
    slow, _ = zero_shot.from_files(model, images, 1)
    assert slow > 0.5 and slow > quick
