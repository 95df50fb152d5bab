"""The benchmark of curation: its last line has the figures that were asked for."""

import importlib
import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.slow
def test_the_last_line_has_every_figure(monkeypatch, capfd, tmp_path):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    curation = importlib.import_module("curation")
    monkeypatch.setattr(sys, "argv", ["curation.py", "--gigabytes", "0.002", "--folder", str(tmp_path)])
    curation.main()
    table, last = capfd.readouterr().out.strip().rsplit("\n", 1)
    figures = json.loads(last)
    assert list(figures) == [
        *("match_share_of_automaton", "captions_matched_per_second"),
        *("query_list_minutes_per_gb", "query_list_cpu_minutes_per_gb", "query_list_peak_gb"),
        *("pairs_filtered_per_second", "images_hashed_per_second", "ray_equal"),
    ]
    assert all(value > 0 for value in figures.values())
    assert "captions a second" in table and "pairs kept" in table
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"
