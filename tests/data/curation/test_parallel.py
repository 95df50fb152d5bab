"""Many processes and many machines: what they write is what one process writes, even if one of them is killed."""

import os
import signal
import time
from pathlib import Path

import pytest

from clip_tutor.data.curation.filters import ALIGN
from clip_tutor.data.curation.parallel import curate_in_processes, curate_on_ray
from clip_tutor.data.curation.shards import curate_shards
from clip_tutor.data.curation.steps import FilterStep
from clip_tutor.data.curation.web_pair import WebPair

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def harmless_step() -> FilterStep:
    def harmless(pair: WebPair) -> bool:
        return True

    return FilterStep([harmless, *ALIGN])


def step_that_dies_once(seen: Path, together: int) -> FilterStep:
    """The same to its card; but once so many processes have a shard in hand, one of them is killed."""
    place = str(seen)

    def dies_once(pair: WebPair) -> bool:  # without anything that a process would have to import from the tests
        open(os.path.join(place, str(os.getpid())), "w").close()
        until = time.monotonic() + 60
        while len(os.listdir(place)) < together and time.monotonic() < until:
            time.sleep(0.05)
        try:
            open(os.path.join(place, "killed"), "x").close()
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


def test_where_a_process_of_one_machine_is_killed_the_same_call_goes_on(crawl, tmp_path, expected):
    (tmp_path / "seen").mkdir()
    with pytest.raises(
        RuntimeError, match=r"a process died \(.*Shards that are finished stay: run the same with fewer"
    ):
        curate_in_processes(step_that_dies_once(tmp_path / "seen", 1), crawl, tmp_path / "out", processes=2)
    curate_in_processes(harmless_step(), crawl, tmp_path / "out", processes=2)
    assert files_of(tmp_path / "out") == expected


def test_two_workers_of_ray_one_of_them_killed_write_what_one_process_writes(ray, crawl, tmp_path, expected):
    (tmp_path / "seen").mkdir()
    curate_on_ray(step_that_dies_once(tmp_path / "seen", 2), crawl, tmp_path / "out")
    assert (tmp_path / "seen" / "killed").exists() and len(os.listdir(tmp_path / "seen")) > 3
    assert files_of(tmp_path / "out") == expected


def test_what_goes_wrong_in_a_process_is_said_by_all_of_them_alike(ray, crawl, tmp_path):
    def refuses(pair: WebPair) -> bool:
        raise ValueError(f"{pair.name} is none of mine")

    step = FilterStep([refuses])
    for curate in (curate_shards, curate_on_ray, lambda *job: curate_in_processes(*job, processes=2)):
        with pytest.raises(ValueError, match=r"/0*\d+ is none of mine"):
            curate(step, crawl, tmp_path / "out")
