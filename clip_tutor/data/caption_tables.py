"""Files of rows that name an image and say what is in it: CSV and its like, JSON, Parquet.

    captions.csv ───▶ separated ──▶ cells ─┐
    captions.jsonl ───────────────▶ object ─┼─ which columns? ─▶ (row, image's name, caption or captions)
    metadata.parquet ─────────────▶ record ─┘

A row that names no image, or lacks its caption, is left out and listed with its number, as pandas goes on after such a
row; whatever cannot be read with certainty is an error that names the file and the row. A CSV row has the number of the
line on which it begins, and the heading is row 1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet as parquet

from clip_tutor.data.pairs import captions_in, pick_caption_columns, pick_column
from clip_tutor.data.separated import Separated
from clip_tutor.data.text_files import open_text

FILE_COLUMNS = ("file_name", "filename", "image", "path", "filepath", "image_path", "image_name", "picture")

_IMAGE_FILE = re.compile(r'[ "]*[^"]*\.(jpe?g|png|webp|gif|bmp|tiff?)[ "]*', re.IGNORECASE)
_AN_OBJECT = '{"file_name": …, "captions": …}'
_A_LIST = "; a list of rows is read from a file that ends in .json"

Row = tuple[int, str, object]


def caption_rows(file: Path, left_out: list[str]) -> Iterator[Row]:
    """Yield (row number, image's name, caption or captions) of a file, whose ending says of which kind it is.

    Args:
        file: the caption file.
        left_out: gets a sentence about each row that names no image or has no place for a caption.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it ends in something else, a column is missing or there twice, or something cannot be read.
    """
    readers = {".csv": _csv_rows, ".txt": _csv_rows, ".tsv": _csv_rows, ".jsonl": _json_lines, ".json": _json_list}
    readers[".parquet"] = _parquet_rows
    if file.suffix.lower() not in readers:
        raise ValueError(f"{file} ends in {file.suffix!r}: captions are read from {', '.join(readers)} files")
    if not file.is_file():
        raise FileNotFoundError(f"there is no caption file {file}")
    for number, name, captions in readers[file.suffix.lower()](file, left_out):
        if name.strip():
            yield number, name, captions
        elif captions:
            left_out.append(f"row {number} of {file} names no image: {captions!r:.80}")


def unique_names(columns: Iterable[str]) -> list[str]:
    """Return column names without repetitions, as pandas has it: caption, caption.1."""
    columns = list(columns)
    names: list[str] = []
    for column in columns:
        name, again = column, 0
        while name in names or (again and name in columns):
            again += 1
            name = f"{column}.{again}"
        names.append(name)
    return names


def _columns(names: list[str], where: str) -> tuple[str, list[str]]:
    image = pick_column(names, FILE_COLUMNS, "the images' file names", where)
    return image, pick_caption_columns(unique_names(names), where)


def _csv_rows(file: Path, left_out: list[str]) -> Iterator[Row]:
    with open_text(file) as lines:
        table = Separated(lines, str(file))
        heading = [name.strip() for name in table.heading]
        image, captions = _columns([name for name in heading if name], str(file))
        names = unique_names(heading)
        place = names.index(image)
        table.is_row = lambda cells: len(cells) >= len(names) and bool(_IMAGE_FILE.fullmatch(cells[place]))
        for number, cells in table.rows():
            if any(cell.strip() for cell in cells[len(names) :]):
                raise ValueError(
                    f"row {number} of {file} has more columns than the heading: put a caption that holds the separator "
                    f"{table.separator!r} in quotes (straight ones, and twice where they belong to it): {cells!r:.200}"
                )
            row = dict(zip(names, cells, strict=False))
            there = [column for column in captions if column in row]
            if image in row and there:
                yield number, row[image].strip(), captions_in(row, there)
            else:
                left_out.append(
                    f"row {number} of {file} has too few columns: is a {table.separator!r} missing in {cells!r:.200}?"
                )


def _json_lines(file: Path, left_out: list[str]) -> Iterator[Row]:
    with open_text(file) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            where = f"line {number} of {file}"
            try:
                row = json.loads(line, object_pairs_hook=_object)
            except ValueError as error:
                listed = _A_LIST if line.startswith("[") else ""
                raise ValueError(f"{where} is not JSON ({error}): {line[:60]!r}{listed}") from error
            yield from _object_row(row, number, where, left_out)


def _json_list(file: Path, left_out: list[str]) -> Iterator[Row]:
    with open_text(file) as lines:
        text = lines.read()
    if not text.lstrip().startswith("["):
        yield from _json_lines(file, left_out)
        return
    try:
        rows = json.loads(text, object_pairs_hook=_object)
    except ValueError as error:
        raise ValueError(f"{file} is not JSON ({error}): was it cut off, or changed by hand?") from error
    for number, row in enumerate(rows, start=1):
        yield from _object_row(row, number, f"row {number} of {file}", left_out)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object; of a name that it has twice, Python would silently keep the last."""
    row = dict(pairs)
    if len(row) < len(pairs):
        twice = next(name for n, (name, _) in enumerate(pairs) if name in dict(pairs[:n]))
        raise ValueError(f'{twice!r} stands twice in {row!r:.60}: several captions are a list, "captions": ["…", "…"]')
    return row


def _object_row(row: object, number: int, where: str, left_out: list[str]) -> Iterator[Row]:
    if not isinstance(row, dict):
        raise ValueError(f"{where} is not {_AN_OBJECT}: {row!r:.60}{_A_LIST if isinstance(row, list) else ''}")
    if "annotations" in row and "images" in row:
        raise ValueError(f"{where} has COCO's form: it is read by clip_tutor.data.torchvision_sets.coco_pairs")
    try:
        image, captions = _columns(list(row), where)
    except ValueError as error:
        left_out.append(str(error))
        return
    yield number, _file_name(row[image], image, where), captions_in(row, captions)


def _parquet_rows(file: Path, left_out: list[str]) -> Iterator[Row]:
    number, table = 0, open_parquet(file)
    try:
        columns = table.schema_arrow.names
        image, captions = _columns(columns, str(file))
        wanted = [name for name, unique in zip(columns, unique_names(columns), strict=True) if unique in captions]
        for batch in table.iter_batches(columns=[image, *dict.fromkeys(wanted)]):
            names = unique_names(batch.schema.names)
            for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                number, row = number + 1, dict(zip(names, values, strict=True))
                yield number, _file_name(row[image], image, f"row {number} of {file}"), captions_in(row, captions)
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(f"{file} is damaged after row {number} ({error}): write or download it again") from error


def open_parquet(file: Path) -> parquet.ParquetFile:
    """Open a Parquet file; nothing but its last bytes, which describe it, is read.

    Raises:
        ValueError: it is something else, or was cut off.
    """
    try:
        return parquet.ParquetFile(file)
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(
            f"{file} is not a Parquet file, or was cut off ({error}): download or write it again"
        ) from error


def _file_name(value: object, column: str, where: str) -> str:
    """Return a cell as a file's name: nothing for one that is missing (null, or NaN as pandas writes it)."""
    if isinstance(value, bytes) and not value.startswith((b"\xff\xd8", b"\x89PNG")):
        value = value.decode("utf-8", "surrogateescape")  # text that was written without saying so
    if value is None or value != value:
        return ""
    if isinstance(value, str) or type(value) is int:
        return str(value)
    raise ValueError(
        f"column {column!r} in {where} holds {type(value).__name__}, not file names: a Parquet file with the images "
        "inside is read by clip_tutor.data.hub.parquet_pairs"
    )
