"""Balancing over shards: the same pairs stay, however shards are cut or a run is interrupted; what is wrong is said."""

import json
import os
import pickle
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from clip_tutor.data.curation import counted_shards
from clip_tutor.data.curation.automaton import QueryMatcher
from clip_tutor.data.curation.balance_step import BalanceStep
from clip_tutor.data.curation.balancing import draw, keep_probability
from clip_tutor.data.curation.counted_shards import count_shard, count_shards
from clip_tutor.data.curation.matching import find_queries
from clip_tutor.data.curation.shards import curate_shards
from clip_tutor.data.curation.web_pair import WebPair
from tests.data.archives import tar
from tests.data.curation.conftest import kept_numbers
from tests.data.photographs import encoded

pytestmark = pytest.mark.filterwarnings("ignore:.*hold no file")  # archives of which nothing was kept

QUERIES = ["a", "car", "red car", "c++ (new)", ".*", "green", "st. louis", "never"]
PAIRS = 120
T = 10


def caption_of(number: int) -> str:
    """Words that are in most captions, in few, and in none of the queries."""
    draw = random.Random(number)
    words = ["a", "car", "red car", "C++ (new)", ".*", "green", "St. Louis"]
    return " ".join(word for place, word in enumerate(words, 1) if draw.random() < 0.75**place) or "nothing"


def shards_of(folder: Path, parts: list[list[int]]) -> Path:
    """Write pairs into shards: archives and tables in turn."""
    folder.mkdir()
    for shard, numbers in enumerate(parts):
        if shard % 2:
            rows = {"key": [f"{n:04}" for n in numbers], "caption": [caption_of(n) for n in numbers]}
            parquet.write_table(pa.table(rows), folder / f"{shard:05}.parquet")
        else:
            files = []
            for n in numbers:
                files += [(f"{n:04}.jpg", encoded(n, width=8, height=8)), (f"{n:04}.txt", caption_of(n).encode())]
            (folder / f"{shard:05}.tar").write_bytes(tar(files))
    return folder


def cut(order: list[int], size: int) -> list[list[int]]:
    return [order[n : n + size] for n in range(0, len(order), size)]


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """Six shards."""
    return shards_of(tmp_path / "collection", cut(list(range(PAIRS)), 20))


@pytest.fixture
def matcher() -> QueryMatcher:
    return QueryMatcher(QUERIES)


def balanced(matcher: QueryMatcher, shards: Path, folder: Path, seed: int = 0) -> list[int]:
    """Count and balance a folder of shards; return what stays."""
    counts = count_shards(matcher, shards, folder / "counts").counts
    curate_shards(BalanceStep(matcher, counts, T, seed), shards, folder / "kept")
    return kept_numbers(folder / "kept")


# ---- what stays ------------------------------------------------------------------------------------------------------


def test_counts_are_those_of_a_search_for_each_query(matcher, collection, tmp_path):
    counted = count_shards(matcher, collection, tmp_path / "counts")
    found = [find_queries(caption_of(number), QUERIES) for number in range(PAIRS)]
    assert counted.counts.tolist() == [sum(query in some for some in found) for query in range(len(QUERIES))]
    assert (counted.shards, counted.pairs, counted.unmatched) == (6, PAIRS, sum(not some for some in found))
    assert 0 < counted.unmatched < PAIRS and counted.counts[-1] == 0 and min(counted.counts[:-1]) > 0
    assert f"120 pairs of 6 shards, {counted.unmatched} of them without a query; 7 of 8 queries occur" in str(counted)


def test_a_pair_stays_where_its_own_random_number_is_below_its_probability(matcher, collection, tmp_path):
    counts = count_shards(matcher, collection, tmp_path / "counts").counts
    expected = [
        number
        for number in range(PAIRS)
        if draw([f"{number:04}\n{caption_of(number)}"], seed=5)[0]
        < keep_probability(find_queries(caption_of(number), QUERIES), counts.tolist(), T)
    ]
    assert 10 < len(expected) < 80
    assert balanced(matcher, collection, tmp_path, seed=5) == expected != balanced(matcher, collection, tmp_path / "0")


@pytest.mark.parametrize("size", [3, 50, PAIRS])
def test_no_order_and_no_division_into_shards_changes_what_stays(matcher, collection, tmp_path, size):
    order = list(range(PAIRS))
    random.Random(size).shuffle(order)
    other = shards_of(tmp_path / "other", cut(order, size))
    assert balanced(matcher, other, tmp_path / "two") == balanced(matcher, collection, tmp_path / "one")


def test_the_card_says_what_decided(matcher, collection, tmp_path):
    kept = balanced(matcher, collection, tmp_path)
    card = json.loads((tmp_path / "kept" / "data_card.json").read_text())
    counted = count_shards(matcher, collection, tmp_path / "counts")
    settings = card["settings"]["balance"]
    assert (settings["t"], settings["seed"]) == (T, 0) and settings["counts"].startswith("8 entries, ")
    dropped = {"without a query": counted.unmatched, "balance": PAIRS - counted.unmatched - len(kept)}
    assert (card["report"]["kept"], card["report"]["dropped"]) == (len(kept), dropped)
    with pytest.raises(ValueError, match="is what other settings have kept"):
        curate_shards(BalanceStep(matcher, counted.counts + 1, T), collection, tmp_path / "kept")


def test_of_several_captions_one_that_stays_is_enough_and_all_of_their_queries_count(matcher, tmp_path):
    samples = 400
    files = [
        (f"{n}.{kind}", content)
        for n in range(samples)
        for kind, content in (("jpg", b"image"), ("txt", b"a car\nnothing\ngreen"))
    ]
    (tmp_path / "0.tar").write_bytes(tar(files))
    counts = np.array([1000, 500, 1, 1, 1, 250, 1, 1])
    card = curate_shards(BalanceStep(matcher, counts, t=50), tmp_path / "0.tar", tmp_path / "out")
    chance = 1 - (1 - 50 / 1000) * (1 - 50 / 500) * (1 - 50 / 250)
    assert card.report.pairs == samples
    assert abs(card.report.kept - samples * chance) < 4 * (samples * chance * (1 - chance)) ** 0.5


def test_rows_without_names_have_draws_of_their_own(matcher, tmp_path):
    parquet.write_table(pa.table({"caption": ["a"] * 1000}), tmp_path / "0.parquet")
    counts = np.array([1000] * len(QUERIES))
    card = curate_shards(BalanceStep(matcher, counts, t=300), tmp_path / "0.parquet", tmp_path / "out")
    assert 240 < card.report.kept < 360


def test_a_matcher_that_was_pickled_finds_the_same(matcher):
    captions = [caption_of(number) for number in range(PAIRS)]
    copy = pickle.loads(pickle.dumps(matcher))
    assert [some.tolist() for some in copy.match(captions)] == [some.tolist() for some in matcher.match(captions)]
    assert copy.fingerprint == matcher.fingerprint != QueryMatcher(QUERIES[::-1]).fingerprint


def noted_counts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that takes the name of each shard that is counted from now on."""
    done = []

    def noted(matcher: QueryMatcher, shard: str, output: Path) -> None:
        done.append(Path(shard).name)
        count_shard(matcher, shard, output)

    monkeypatch.setattr(counted_shards, "count_shard", noted)
    return done


# ---- again -----------------------------------------------------------------------------------------------------------


def test_shards_that_were_counted_are_not_counted_again(matcher, collection, tmp_path, monkeypatch):
    first = count_shards(matcher, collection, tmp_path / "counts")
    os.utime(collection / "00000.tar", ns=(1, 1))
    (tmp_path / "counts" / "00002.npz").write_bytes((tmp_path / "counts" / "00002.npz").read_bytes()[:-9])
    (tmp_path / "counts" / "00003.npz").unlink()
    (tmp_path / "counts" / "00004.npz").write_bytes(b"")
    done = noted_counts(monkeypatch)
    again = count_shards(QueryMatcher(QUERIES), collection, tmp_path / "counts")
    assert sorted(done) == ["00000.tar", "00002.tar", "00003.parquet", "00004.tar"]
    assert again.counts.tolist() == first.counts.tolist() and again.pairs == first.pairs


@pytest.mark.slow
@pytest.mark.posix
@pytest.mark.parametrize("die_at", [50, 90, PAIRS + 70])
def test_a_kill_in_either_pass_loses_nothing_that_was_finished(matcher, collection, tmp_path, die_at):
    program = f"""
import os, signal
from pathlib import Path
from clip_tutor.data.curation.automaton import QueryMatcher
from tests.data.curation.test_balance_step import QUERIES, balanced
class Dies(QueryMatcher):
    seen = 0
    def match(self, captions):
        Dies.seen += len(captions)
        if Dies.seen > {die_at}:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().match(captions)
balanced(Dies(QUERIES), Path({str(collection)!r}), Path({str(tmp_path / "out")!r}))
"""
    run = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[3], capture_output=True)
    assert run.returncode == -signal.SIGKILL, run.stderr
    counts = {file: file.stat().st_mtime_ns for file in (tmp_path / "out").rglob("*.npz")}
    cards = {file: file.stat().st_mtime_ns for file in (tmp_path / "out").rglob("cards/*.json")}
    assert (len(counts), len(cards)) == (min(6, die_at // 20), max(0, die_at - PAIRS) // 20)
    assert balanced(matcher, collection, tmp_path / "out") == balanced(matcher, collection, tmp_path / "whole")
    assert all(file.stat().st_mtime_ns == time for file, time in [*counts.items(), *cards.items()]), (
        "nothing was redone"
    )
    assert not list((tmp_path / "out").rglob("*.draft"))


@pytest.mark.parametrize("when", [1, 4])
def test_a_disk_that_fills_while_counting_is_said_and_what_was_counted_stays(
    matcher, collection, tmp_path, monkeypatch, when
):
    fsync, calls = os.fsync, []

    def full(file: int) -> None:
        calls.append(file)
        if len(calls) == when:
            raise OSError(28, "No space left on device")
        fsync(file)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"\.npz could not be written \(No space left on device\): make room on its disk"):
        count_shards(matcher, collection, tmp_path / "counts")
    assert len(list((tmp_path / "counts").iterdir())) == when - 1
    assert count_shards(matcher, collection, tmp_path / "counts").pairs == PAIRS


# ---- what is wrong ---------------------------------------------------------------------------------------------------


def test_a_shard_that_ends_early_counts_as_far_as_it_goes_and_is_tried_again(
    matcher, collection, tmp_path, monkeypatch
):
    whole = (collection / "00002.tar").read_bytes()
    (collection / "00002.tar").write_bytes(whole[: len(whole) // 2])
    (collection / "00003.parquet").write_bytes((collection / "00003.parquet").read_bytes()[:-30])
    counted = count_shards(matcher, collection, tmp_path / "counts")
    assert PAIRS - 40 < counted.pairs < PAIRS - 20
    assert sorted(Path(shard).name for shard in counted.faults) == ["00002.tar", "00003.parquet"]
    assert "is damaged or cut off after" in str(counted) and "was cut off" in str(counted)
    done = noted_counts(monkeypatch)
    assert count_shards(matcher, collection, tmp_path / "counts").pairs == counted.pairs
    assert sorted(done) == ["00002.tar", "00003.parquet"]
    (collection / "00002.tar").write_bytes(whole)
    assert count_shards(matcher, collection, tmp_path / "counts").pairs == PAIRS - 20


def test_what_is_no_pair_is_not_counted(matcher, tmp_path):
    files = [("a.jpg", b"image"), ("b.txt", b"a car"), ("c.jpg", b"image"), ("c.txt", b"a caf\xe9")]
    (tmp_path / "0.tar").write_bytes(tar([*files, ("d.jpg", b"image"), ("d.txt", b"a green car")]))
    counted = count_shards(matcher, tmp_path / "0.tar", tmp_path / "counts")
    assert (counted.pairs, counted.counts.tolist()) == (1, [1, 1, 0, 0, 0, 1, 0, 0])


def test_an_empty_collection_has_no_pairs(matcher, tmp_path):
    (tmp_path / "0.tar").write_bytes(tar([]))
    assert (balanced(matcher, tmp_path, tmp_path / "out"), count_shards(matcher, tmp_path, tmp_path / "c").pairs) == (
        [],
        0,
    )


def test_what_does_not_fit_together_is_refused(matcher, collection, tmp_path):
    count_shards(matcher, collection, tmp_path / "counts")
    with pytest.raises(ValueError, match=r"counts other queries \(8 entries, .*; these are 1 entries.*another folder"):
        count_shards(QueryMatcher(["a"]), collection, tmp_path / "counts")
    with pytest.raises(ValueError, match="8 queries and 7 counts: take what the same matcher has counted"):
        BalanceStep(matcher, np.ones(7, np.int64))
    with pytest.raises(ValueError, match="1 or more, and not 0"):
        BalanceStep(matcher, np.ones(8, np.int64), t=0)
    with pytest.raises(ValueError, match="count all shards before you balance one"):
        curate_shards(BalanceStep(matcher, np.zeros(8, np.int64)), collection, tmp_path / "out")
    with pytest.raises(FileNotFoundError, match="names no shard"):
        count_shards(matcher, [], tmp_path / "nothing")


def test_pairs_of_no_shard_are_drawn_by_their_names(matcher):
    step = BalanceStep(matcher, np.full(8, 100), t=50)
    said = step([WebPair(f"{number}", "a") for number in range(400)])
    assert set(said) == {"", "balance"} and 150 < said.count("") < 250
    assert step([]) == []
