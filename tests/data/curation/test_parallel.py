"""Many processes and many machines: what they write is what one process writes, even if one of them is killed."""

import os
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from clip_tutor.data.curation.automaton import QueryMatcher
from clip_tutor.data.curation.balance_step import BalanceStep
from clip_tutor.data.curation.counted_shards import count_shards
from clip_tutor.data.curation.filters import ALIGN
from clip_tutor.data.curation.parallel import count_in_processes, count_on_ray, curate_in_processes, curate_on_ray
from clip_tutor.data.curation.shards import curate_shards
from clip_tutor.data.curation.steps import FilterStep
from clip_tutor.data.curation.web_pair import WebPair
from tests.data.curation.conftest import files_of, kept_numbers

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def harmless_step() -> FilterStep:
    def harmless(pair: WebPair) -> bool:
        return True

    return FilterStep([harmless, *ALIGN])


def step_that_dies_once(seen: Path, together: int) -> FilterStep:
    """The same to its card; but once so many processes have a shard in hand, one of them is killed.

    A file in ``seen`` for each shard that a process begins, "<process> <shard>"; "killed" holds the name of one.
    """
    place = str(seen)

    def dies_once(pair: WebPair) -> bool:  # without anything that a process would have to import from the tests
        mine = f"{os.getpid()} {pair.name.partition('/')[0]}"
        open(os.path.join(place, mine), "w").close()
        until = time.monotonic() + 60
        while len({name.partition(" ")[0] for name in os.listdir(place)}) < together and time.monotonic() < until:
            time.sleep(0.05)
        try:
            with open(os.path.join(place, "killed"), "x") as file:
                file.write(mine)
        except FileExistsError:
            return True
        os.kill(os.getpid(), signal.SIGKILL)
        return True

    dies_once.__name__ = "harmless"
    return FilterStep([dies_once, *ALIGN])


@pytest.fixture
def expected(crawl: list[Path], tmp_path: Path) -> dict[str, bytes]:
    curate_shards(harmless_step(), crawl, tmp_path / "one")
    return files_of(tmp_path / "one")


def test_processes_of_one_machine_write_what_one_process_writes(crawl, tmp_path, expected):
    curate_in_processes(harmless_step(), crawl, tmp_path / "out", processes=2)
    assert files_of(tmp_path / "out") == expected


@pytest.mark.posix
def test_where_a_process_of_one_machine_is_killed_the_same_call_goes_on(crawl, tmp_path, expected):
    (tmp_path / "seen").mkdir()
    with pytest.raises(
        RuntimeError, match=r"a process died \(.*Shards that are finished stay: run the same with fewer"
    ):
        curate_in_processes(step_that_dies_once(tmp_path / "seen", 1), crawl, tmp_path / "out", processes=2)
    curate_in_processes(harmless_step(), crawl, tmp_path / "out", processes=2)
    assert files_of(tmp_path / "out") == expected


@pytest.mark.posix
def test_two_workers_of_ray_one_of_them_killed_write_what_one_process_writes(ray, crawl, tmp_path, expected):
    (tmp_path / "seen").mkdir()
    curate_on_ray(step_that_dies_once(tmp_path / "seen", 2), crawl, tmp_path / "out")
    killed, shard = (tmp_path / "seen" / "killed").read_text().split()
    begun = [name.split() for name in os.listdir(tmp_path / "seen") if name != "killed"]
    assert len({process for process, _ in begun}) > 1, "two were at work"
    assert [process for process, name in begun if name == shard and process != killed], "another took its shard over"
    assert files_of(tmp_path / "out") == expected


def test_balancing_is_the_same_in_one_process_in_many_and_on_ray(ray, crawl, tmp_path):
    matcher, given, kept = QueryMatcher(["car", "red car", "number 6", "never"]), [], []
    for folder, count, curate in (
        (tmp_path / "one", count_shards, curate_shards),
        (tmp_path / "many", partial(count_in_processes, processes=2), partial(curate_in_processes, processes=2)),
        (tmp_path / "ray", count_on_ray, curate_on_ray),
    ):
        counted = count(matcher, crawl, folder / "counts")
        curate(BalanceStep(matcher, counted.counts, t=12, seed=1), crawl, folder / "kept")
        given.append((counted.counts.tolist(), counted.pairs, counted.unmatched))
        kept.append((files_of(folder / "counts"), files_of(folder / "kept")))
    assert given == [given[0]] * 3 and given[0] == ([48, 36, 1, 0], 48, 0)
    assert kept == [kept[0]] * 3
    assert 0 < len(kept_numbers(tmp_path / "ray" / "kept")) < 30


def test_what_goes_wrong_in_a_process_is_said_by_all_of_them_alike(ray, crawl, tmp_path):
    def refuses(pair: WebPair) -> bool:
        raise ValueError(f"{pair.name} is none of mine")

    step = FilterStep([refuses])
    for curate in (curate_shards, curate_on_ray, lambda *job: curate_in_processes(*job, processes=2)):
        with pytest.raises(ValueError, match=r"/0*\d+ is none of mine"):
            curate(step, crawl, tmp_path / "out")
