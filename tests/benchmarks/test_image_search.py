"""The benchmark of image search: its last line has the figures that were asked for, whoever gives the vectors."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.search.conftest import unit

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.slow
def test_the_last_line_has_every_figure_for_vectors_that_are_given(monkeypatch, capfd, tmp_path):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    search = importlib.import_module("search")
    files = {name: tmp_path / f"{name}.npy" for name in ("vectors", "text-queries", "image-queries")}
    for seed, (name, file) in enumerate(files.items()):
        vectors = 3 * unit(3000 if name == "vectors" else 60, 32, seed)  # of any length: only directions count
        np.save(file, vectors.astype(np.float16 if seed else np.float32))
    photos = tmp_path / "photos"
    photos.mkdir()
    search.make_images(photos, 6, 80)
    given = [part for name, file in files.items() for part in (f"--{name}", str(file))]
    monkeypatch.setattr(sys, "argv", ["search.py", *given, "--photos", str(photos), "--images", "70", "--size", "64"])
    search.main()
    table, last = capfd.readouterr().out.strip().rsplit("\n", 1)
    figures = json.loads(last)
    assert "70 images made for this run" in table and "6 photographs" in table
    assert list(figures) == [
        *("median_text_query_ms", "median_image_query_ms", "recall_at_10_text", "recall_at_10_image"),
        *("exact_query_ms", "open_seconds", "index_share_of_encoder", "index_peak_gb", "peak_gb"),
    ]
    assert all(value > 0 for value in figures.values())
    assert figures["recall_at_10_text"] > 0.9 and figures["recall_at_10_image"] > 0.9
    assert figures["peak_gb"] < 1.5 and figures["index_peak_gb"] < 2


def test_files_that_hold_no_vectors_are_refused(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    search = importlib.import_module("search")
    (tmp_path / "text.npy").write_text("no vectors")
    np.save(tmp_path / "flat.npy", np.zeros(3))
    for name, words in (("text.npy", "give an array that numpy.save wrote"), ("flat.npy", r"holds no \(N, E\) array")):
        with pytest.raises(SystemExit, match=words):
            search.unit_rows(tmp_path / name)
