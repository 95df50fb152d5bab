"""The benchmark of image search: its last line says what indexing took, in a process of its own."""

import importlib
import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.slow
def test_the_last_line_says_how_much_memory_indexing_took(monkeypatch, capfd):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    search = importlib.import_module("search")
    monkeypatch.setattr(sys, "argv", ["search.py", "--images", "70", "--size", "64"])
    with pytest.raises(SystemExit) as ended:
        search.main()
    table, last = capfd.readouterr().out.strip().rsplit("\n", 1)
    figures = json.loads(last)
    assert ended.value.code == 0 and "70 images indexed at 64 pixels, 0 left out" in table
    assert (figures["benchmark"], figures["images"], figures["found_itself"]) == ("search", 70, 1)
    assert 0 < figures["start_gb"] <= figures["index_peak_gb"] < 2
    assert figures["images_per_second"] > 0 and figures["search_milliseconds"] > 0
