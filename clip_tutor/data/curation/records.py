"""The records of a shard: read as pairs that a step looks at, and written again as they were where it keeps them.

    00000.tar ───── 000.jpg 000.txt 000.json ─▶ WebPair ─ kept? ─▶ all files of the sample, as they were
    00000.parquet ─ url │ text │ width │ … ───▶ WebPair ─ kept? ─▶ all columns of the row, as they were

A record that is no pair has its reason, and a shard that cannot be read to its end has its fault: one sentence, and
what came before it counts.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow
from pyarrow import parquet

from clip_tutor.data.caption_tables import open_parquet
from clip_tutor.data.curation.table_columns import TableColumns
from clip_tutor.data.curation.web_pair import WebPair
from clip_tutor.data.pairs import Pair
from clip_tutor.data.samples import NO_IMAGE, NOT_UTF8, Files, Remarks, pairs_of, samples
from clip_tutor.data.shard_files import is_table
from clip_tutor.data.tar_files import TarReader
from clip_tutor.data.webdataset import open_shard

AT_ONCE = 256  # records that are read together: as files of images, some 30 MB


@dataclass
class Records:
    """Some records of a shard, in its order."""

    pairs: list[list[WebPair]]  # of each record: a pair for each of its captions, at least one
    wrong: list[str]  # why a record is no pair; nothing where it is one
    content: Any  # what is written again: the samples' files, or rows of a table

    def both(self) -> Iterator[tuple[list[WebPair], str]]:
        """Yield the pairs of each record, and why it is no pair."""
        yield from zip(self.pairs, self.wrong, strict=True)


Write = Callable[[Records, list[bool]], None]


def open_records(shard: str) -> ArchiveRecords | TableRecords:
    """Open a shard: a Parquet file, or else a WebDataset archive.

    Raises:
        ValueError: a Parquet file was cut off, is something else, or has no column of captions.
    """
    return TableRecords(shard) if is_table(shard) else ArchiveRecords(shard)


class ArchiveRecords:
    """A WebDataset archive. Once all records were read, ``fault`` says what is wrong with it; or nothing."""

    def __init__(self, shard: str) -> None:
        self._shard = shard
        self.fault = ""

    def read(self) -> Iterator[Records]:
        """Yield its samples, 256 at a time."""
        some = Records([], [], [])
        for pairs, wrong, files in self._samples():
            some.pairs.append(pairs)
            some.wrong.append(wrong)
            some.content.append(files)
            if len(some.pairs) == AT_ONCE:
                yield some
                some = Records([], [], [])
        if some.pairs:
            yield some

    def write(self, file: BinaryIO, each: Callable[[Write], None]) -> None:
        """Write an archive: ``each`` is called once, with a function that writes those records which a list picks."""
        with tarfile.open(fileobj=file, mode="w") as kept:

            def write(records: Records, picked: list[bool]) -> None:
                for files in compress(records.content, picked):
                    for member in files.values():
                        header = tarfile.TarInfo(member.name)
                        header.size = len(member.content)
                        kept.addfile(header, io.BytesIO(member.content))

            each(write)

    def _samples(self) -> Iterator[tuple[list[WebPair], str, Files]]:
        name, count = Path(self._shard).name, 0
        try:
            with open_shard(self._shard) as file:
                archive = TarReader(file, None)
                for key, files in samples(archive):
                    remarks: Remarks = {}
                    found = list(pairs_of(f"{name}/{key}", files, remarks))
                    wrong = _wrong(found, remarks)
                    if archive.cut and wrong:
                        break  # what the cut has left of the last sample
                    count += 1
                    pairs = [
                        WebPair(one.name, text, one.image, key=one.name.removeprefix(f"{name}/"))
                        for one in found
                        for text in one.captions or ("",)
                    ]
                    yield pairs or [WebPair(f"{name}/{key}", "", key=key)], wrong, files
            if archive.fault and (archive.count or archive.cut):  # an archive without any file may be all that was kept
                self.fault = f"{self._shard} is damaged or cut off after {count} samples ({archive.fault})"
        except OSError as error:
            self.fault = f"{self._shard} cannot be read beyond {count} samples ({error})"


class TableRecords:
    """A Parquet file. Once all records were read, ``fault`` says what is wrong with it, or nothing."""

    def __init__(self, shard: str) -> None:
        self._shard, self._table = shard, open_parquet(Path(shard))
        self._columns = TableColumns.of(self._table.schema_arrow.names, shard)
        self.fault = ""

    def read(self) -> Iterator[Records]:
        """Yield its rows, at most 256 at a time; what lies behind a row group that is damaged is read all the same."""
        start = 0
        for group in range(self._table.num_row_groups):
            rows, number = self._table.metadata.row_group(group).num_rows, start
            try:
                for batch in self._table.iter_batches(AT_ONCE, row_groups=[group]):
                    yield self._records(batch, number)
                    number += len(batch)
            except (pyarrow.ArrowException, OSError) as error:
                self.fault = self.fault or f"{self._shard} is damaged from row {number} to row {start + rows} ({error})"
            start += rows

    def _records(self, batch: pyarrow.RecordBatch, first: int) -> Records:
        rows = enumerate(self._columns.rows(batch), start=first)
        found = [self._columns.pairs(row, self._shard, number) for number, row in rows]
        return Records([pairs for pairs, _ in found], [wrong for _, wrong in found], batch)

    def write(self, file: BinaryIO, each: Callable[[Write], None]) -> None:
        """Write a Parquet file of the same columns: see `ArchiveRecords.write`."""
        with parquet.ParquetWriter(file, self._table.schema_arrow) as kept:
            each(
                lambda records, picked: kept.write_batch(records.content.filter(pyarrow.array(picked, pyarrow.bool_())))
            )


def _wrong(found: list[Pair], remarks: Remarks) -> str:
    """Return why a sample is no pair; nothing where it is one."""
    if found and all(pair.image and pair.captions for pair in found) and not any(NOT_UTF8 in said for said in remarks):
        return ""
    return next(iter(remarks), NO_IMAGE).partition(",")[0]  # "without an image, only .npy" counts with the others
