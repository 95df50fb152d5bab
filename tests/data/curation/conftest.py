"""What the tests of shards share: a small crawl, of archives and tables, with pairs that ALIGN's filters drop."""

import os
import signal
import time
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from clip_tutor.data.curation.filters import ALIGN
from clip_tutor.data.curation.shards import curate_shards
from clip_tutor.data.curation.steps import FilterStep
from clip_tutor.data.curation.web_pair import WebPair
from tests.data.archives import File, tar
from tests.data.photographs import encoded

PER_SHARD = 12


def caption_of(number: int) -> str:
    """Every fourth is too short."""
    return f"car {number}" if number % 4 == 3 else f"a red car, number {number}"


def image_of(number: int) -> bytes:
    """Every third is too small."""
    return encoded(number, width=300 if number % 3 else 100, height=250)


def is_good(number: int) -> bool:
    """Whether ALIGN's filters keep it."""
    return bool(number % 3) and number % 4 != 3


def sample(number: int) -> list[File]:
    """The files of one pair, one of a kind that only other programs know."""
    return [
        (f"{number:04}.jpg", image_of(number)),
        (f"{number:04}.json", f'{{"caption": "{caption_of(number)}", "url": "x/{number}"}}'.encode()),
        (f"{number:04}.npy", bytes([number])),
    ]


def table(numbers: range) -> pa.Table:
    """The same pairs as rows."""
    rows = [{"bytes": image_of(n), "path": f"{n:04}.jpg"} for n in numbers]
    columns = {"key": [f"{n:04}" for n in numbers], "image": rows, "caption": [caption_of(n) for n in numbers]}
    return pa.table(columns | {"more": list(numbers)})


@pytest.fixture
def crawl(tmp_path: Path) -> list[Path]:
    """Two archives and two Parquet files of twelve pairs each."""
    folder = tmp_path / "crawl"
    folder.mkdir()
    for shard in range(4):
        numbers = range(shard * PER_SHARD, (shard + 1) * PER_SHARD)
        if shard < 2:
            (folder / f"0000{shard}.tar").write_bytes(tar([file for n in numbers for file in sample(n)]))
        else:
            parquet.write_table(table(numbers), folder / f"0000{shard}.parquet")
    return sorted(folder.iterdir())


def files_of(folder: Path) -> dict[str, bytes]:
    """What lies in a folder and below it."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def harmless_step() -> FilterStep:
    """ALIGN's filters, and one that lets everything pass."""

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
    """What one process makes of the crawl."""
    curate_shards(harmless_step(), crawl, tmp_path / "one")
    return files_of(tmp_path / "one")
