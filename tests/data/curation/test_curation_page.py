"""The page on curation at scale does what it says, on a small crawl; its figures are those that it computes."""

import re
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from clip_tutor.data.curation.zipf_text import zipf_lines
from tests.data.curation.conftest import image_of, is_good, kept_numbers

PAGE = Path(__file__).parents[3] / "docs" / "curation_at_scale.md"
STREET = list(range(1000, 1064))  # pairs that all say the same


def blocks() -> list[str]:
    """The Python of the page, in its order."""
    return re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_pages_code_curates_a_crawl_from_end_to_end(ray, crawl, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    lines = [f"{line} a red car" if n % 15 == 0 else line for n, line in enumerate(zipf_lines(60_000, 0, planted=20))]
    Path("corpus.txt").write_bytes("\n".join(lines).encode() + b"\ncaf\xe9\n")
    rows = {"key": [f"{n}" for n in STREET], "image": [image_of(1)] * len(STREET)}
    table = pa.table(rows | {"caption": ["a red car in the street"] * len(STREET)})
    parquet.write_table(table, tmp_path / "crawl" / "00004.parquet")
    names: dict[str, object] = {}
    for block in blocks()[:-1]:
        exec(compile(block, PAGE.name, "exec"), names)
    said = capsys.readouterr().out
    assert "1 broken ones left out" in said and "is not UTF-8: byte 3" in said
    assert {"red", "red car"} < set(names["listed"].queries)
    numbered = [number for number in range(48) if is_good(number)]
    assert kept_numbers(Path("filtered")) == numbered + STREET
    assert names["counted"].pairs == names["counted"].counts.max() == len(numbered + STREET)
    kept = kept_numbers(Path("balanced"))
    assert kept[: len(numbered)] == numbered, "each has a query that is rare: its number"
    assert 0 < len(kept[len(numbered) :]) < len(STREET) / 2
    assert "| balance | t = 5, seed = 0, counts = " in said and "| min_side | 16 | 14.3% |" in said
    assert parquet.read_table("balanced/00002.parquet").column_names == ["key", "image", "caption", "more"]


def test_every_figure_of_the_table_is_what_the_page_computes(capsys):
    exec(blocks()[-1], {})
    computed = capsys.readouterr().out
    assert computed.count("\n") == 12
    assert f"| what | how | |\n|---|---|---|\n{computed}\n" in PAGE.read_text("utf-8")


def test_the_rates_are_those_of_the_benchmarks():
    names: dict[str, float] = {}
    exec(blocks()[-1], names)
    measured = (PAGE.parent / "benchmarks.md").read_text("utf-8")
    assert f"{names['MATCHED']:,} captions a second" in measured
    assert f"{names['FILTERED']:,} pairs a second, and {names['HASHED']} images are hashed" in measured
    assert f"takes {names['LIST']:.0f} minutes" in measured
