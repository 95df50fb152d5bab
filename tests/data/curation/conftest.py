"""What the tests of shards share: a small crawl, of archives and tables, with pairs that ALIGN's filters drop."""

from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from clip_tutor.data.webdataset import read_shard
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


def kept_numbers(folder: Path) -> list[int]:
    """What the shards of a folder hold."""
    numbers = []
    for path in sorted(folder.iterdir()):
        if path.suffix == ".tar":
            numbers += [int(Path(pair.name).name) for pair in read_shard(str(path))]
        elif path.suffix == ".parquet":
            numbers += [int(key) for key in parquet.read_table(path)["key"].to_pylist()]
    return sorted(numbers)


def files_of(folder: Path) -> dict[str, bytes]:
    """All files of a folder, by their paths in it."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


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
