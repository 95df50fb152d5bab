"""Many machines: two workers of a local Ray give what one process gives, and the page on scale does what it says."""

import os
import re
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from clip_tutor.search import encode_shard, encode_shards, inverted_lists, tuning
from clip_tutor.weights import load
from tests.search.conftest import PER_SHARD, unit, vectors_of

PAGE = Path(__file__).parents[2] / "docs" / "search_at_scale.md"


@pytest.mark.slow
@pytest.mark.posix
@pytest.mark.filterwarnings("ignore")
def test_two_workers_one_of_them_killed_give_what_one_process_gives(ray, collection, alone, model, tmp_path):
    output, seen = tmp_path / "many", tmp_path / "seen"
    seen.mkdir()

    def die_once(*_: object) -> None:  # goes to the workers with the model
        (seen / str(os.getpid())).touch()
        until = time.monotonic() + 60
        while len(list(seen.iterdir())) < 2 and time.monotonic() < until:  # both are to have a shard in hand
            time.sleep(0.05)
        if not (seen / "killed").exists():
            (seen / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)

    with model.image_tower.register_forward_pre_hook(die_once):
        report = encode_shards(model, collection, output)
    assert (seen / "killed").exists() and len(list(seen.iterdir())) > 3, "two workers, and one in place of the killed"
    assert (report.images, report.encoded, report.unchanged, report.left_out) == (4 * PER_SHARD, 4, 0, 1)
    expected, got = vectors_of(alone), vectors_of(output)
    assert got.keys() == expected.keys()
    for name, vector in expected.items():
        np.testing.assert_allclose(got[name], vector, atol=1e-3)
    assert sorted(file.name for file in output.iterdir()) == [f"0000{n}.parquet" for n in range(4)]


@pytest.mark.slow
def test_a_machine_that_is_too_small_is_said_to_be(ray, collection, model, tmp_path):
    with pytest.raises(ValueError, match=r"no machine of this Ray cluster has 64 CPUs and 0 GPUs: ask for fewer"):
        encode_shards(model, collection, tmp_path / "out", cpus=64)


# ---- the page --------------------------------------------------------------------------------------------------------


def blocks() -> list[str]:
    """The Python of the page, in its order."""
    return re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_pages_code_runs_and_the_database_finds_what_exact_search_finds(
    ray, collection, tmp_path, monkeypatch, capsys
):
    pytest.importorskip("pymilvus", reason="needs Milvus's client: pip install pymilvus milvus-lite")
    lite = pytest.importorskip("milvus_lite.server_manager", reason="needs Milvus Lite: pip install milvus-lite")
    collection[0].parent.rename(tmp_path / "photos")
    monkeypatch.chdir(tmp_path)
    for shard in sorted(Path("photos").iterdir())[1:]:  # so that Ray starts one process, which takes seconds
        encode_shard(load("emoji").model, str(shard), Path("vectors", f"{shard.stem}.parquet"))
    names: dict[str, object] = {}
    try:
        for block in blocks():
            exec(compile(block, PAGE.name, "exec"), names)
    finally:
        if "client" in names:
            names["client"].close()
        lite.server_manager_instance.release_all()
    assert len(names["best"]) == 10 and len(set(names["best"])) == 10
    assert len(names["index"]) == 4 * PER_SHARD > 3 * len(names["found"]), "most images are no candidates"
    assert f"{PER_SHARD} images of 1 shards encoded, 3 shards were there" in capsys.readouterr().out


def test_every_figure_of_the_table_is_what_the_page_computes(capsys):
    exec(blocks()[-1], {})
    computed = capsys.readouterr().out
    assert computed.count("\n") == 12
    assert f"| what | how | |\n|---|---|---|\n{computed}\n" in PAGE.read_text("utf-8")
    measured = (PAGE.parent / "benchmarks.md").read_text("utf-8")
    assert "| images encoded a second | 18.3 |" in measured and "CPU = 18.3 " in blocks()[-1]


def test_codes_and_lists_take_the_bytes_that_the_page_counts(tmp_path):
    names: dict[str, object] = {}
    exec(blocks()[-1], names)
    assert names["lists"] == pytest.approx(inverted_lists.CENTERS * names["each"] ** 0.5)
    assert (names["AGAIN"], names["codes"]) == (tuning.CANDIDATES, names["IMAGES"] * (names["NUMBERS"] + 8))
    vectors = unit(2000, 64)
    lists = inverted_lists.InvertedLists.build(vectors)
    lists.save(tmp_path / "lists")
    counted = 2000 * (64 + 8) + lists.count * 64 * 4
    assert (tmp_path / "lists").stat().st_size == pytest.approx(counted, rel=0.02)
