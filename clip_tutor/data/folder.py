"""A folder of pictures, and one file that says what is seen in them.

    photos/
      captions.csv       file_name,caption                                      one row a caption
                         dogs/1.jpg,Two dogs play in the snow .
                         dogs/1.jpg,"Two brown dogs , wrestling ."              the same picture again: a second one
      captions.jsonl     {"file_name": "dogs/1.jpg", "captions": ["…", "…"]}     one line a picture
      metadata.parquet   file_name: string, caption: string or list of strings

Flickr8k's own ``captions.txt`` is such a CSV file ("image,caption"), and its pictures lie one folder deeper; both are
found. Nothing is decoded here: reading the captions of a million pictures takes seconds.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow.parquet as parquet

from clip_tutor.data.pairs import Pair, captions_in, clean_captions, pick_caption_columns, pick_column

CAPTION_FILES = tuple(f"{name}.{kind}" for name in ("captions", "metadata") for kind in ("csv", "jsonl", "parquet"))
CAPTION_FILES += ("captions.txt", "results.csv")  # as Flickr8k and Flickr30k are passed around
PICTURE_FOLDERS = (".", "images", "Images", "flickr30k_images", "flickr30k_images/flickr30k_images")
FILE_COLUMNS = ("file_name", "filename", "image", "path", "filepath", "image_path", "image_name", "picture")
_SEPARATORS = ",\t;|"
_LOOK_AT = 100  # pictures that are looked for before a folder is believed to lie elsewhere


def read_folder(folder: str | Path, captions: str | Path | None = None) -> list[Pair]:
    """Return a folder's pairs, pictures as paths, in the order in which the caption file names them first.

    Args:
        folder: where the pictures lie, or a folder above them called ``images``.
        captions: the caption file (.csv, .txt, .jsonl or .parquet), if it is called otherwise or lies elsewhere. CSV
            columns are parted by commas, tabs, semicolons or bars, whichever the heading has most of.

    Raises:
        FileNotFoundError: there is no caption file, or none of the first hundred pictures that it names.
        ValueError: a column is missing, a line cannot be read, or no picture has a caption.
    """
    folder = Path(folder)
    file = Path(captions) if captions else _caption_file(folder)
    said: dict[str, list[str]] = {}
    for line, name, texts in _rows(file):
        try:
            said.setdefault(name, []).extend(clean_captions(texts))
        except TypeError as error:
            raise ValueError(f"row {line} of {file}: {error}") from error
    if not any(said.values()):
        raise ValueError(f"{file} holds no caption: write one row a caption, below a heading of column names")
    root = folder / _picture_folder(folder, list(said)[:_LOOK_AT])
    return [Pair(name, root / name, tuple(texts)) for name, texts in said.items()]


def _caption_file(folder: Path) -> Path:
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    found = [folder / name for name in CAPTION_FILES if (folder / name).is_file()]
    if not found:
        raise FileNotFoundError(
            f"{folder} has no file with captions: write captions.csv with the columns file_name and caption, or one of "
            f"{', '.join(CAPTION_FILES[1:])}; or say which file it is"
        )
    return found[0]


def _picture_folder(folder: Path, names: list[str]) -> str:
    """Return below which folder the pictures lie."""
    for below in PICTURE_FOLDERS:
        if any((folder / below / name).is_file() for name in names):
            return below
    raise FileNotFoundError(
        f"the caption file names {names[0]!r}, but there is no {folder / names[0]}, nor any other of the first "
        f"{len(names)} pictures, there or in its folder images: names are relative to the folder of pictures"
    )


def _rows(file: Path) -> Iterator[tuple[int, str, object]]:
    """Yield (row number, picture's name, caption or captions)."""
    readers = {".csv": _csv_rows, ".txt": _csv_rows, ".tsv": _csv_rows, ".jsonl": _json_rows, ".parquet": _parquet_rows}
    if file.suffix.lower() not in readers:
        raise ValueError(f"{file} ends in {file.suffix!r}: captions are read from {', '.join(readers)} files")
    if not file.is_file():
        raise FileNotFoundError(f"there is no caption file {file}")
    yield from readers[file.suffix.lower()](file)


def _columns(names: Iterable[str], file: Path) -> tuple[str, list[str]]:
    names = list(names)
    return pick_column(names, FILE_COLUMNS, "the pictures' file names", str(file)), pick_caption_columns(
        names, str(file)
    )


def _csv_rows(file: Path) -> Iterator[tuple[int, str, object]]:
    with open(file, newline="", encoding="utf-8-sig") as lines:  # spreadsheets write a mark before the first letter
        heading = lines.readline()
        lines.seek(0)
        separator = max(_SEPARATORS, key=heading.count)
        rows = csv.DictReader(lines, delimiter=separator, skipinitialspace=True)
        image, captions = _columns([name for name in rows.fieldnames or () if name], file)
        for row in rows:
            if row[image] is None or any(row[column] is None for column in captions):
                raise ValueError(
                    f"row {rows.line_num} of {file} has too few columns: {row}. A caption that holds the separator "
                    f"{separator!r} must stand in quotes"
                )
            if None in row:  # what stood beyond the last column
                raise ValueError(
                    f"row {rows.line_num} of {file} has more columns than the heading: put a caption that holds the "
                    f"separator {separator!r} in quotes: {row[captions[-1]]!r}"
                )
            yield rows.line_num, row[image].strip(), captions_in(row, captions)


def _json_rows(file: Path) -> Iterator[tuple[int, str, object]]:
    with open(file, encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise ValueError(f"line {number} of {file} is not JSON ({error}): {line[:60]!r}") from error
            if not isinstance(row, dict):
                raise ValueError(f'line {number} of {file} is not {{"file_name": …, "captions": …}}: {line[:60]!r}')
            image, captions = _columns(row, file)
            yield number, str(row[image]), captions_in(row, captions)


def _parquet_rows(file: Path) -> Iterator[tuple[int, str, object]]:
    table = parquet.ParquetFile(file)
    image, captions = _columns(table.schema_arrow.names, file)
    number = 0
    for batch in table.iter_batches(columns=[image, *captions]):
        for row in batch.to_pylist():
            number, name = number + 1, row[image]
            if not isinstance(name, str):
                raise ValueError(
                    f"column {image!r} of {file} holds {type(name).__name__}, not file names: a Parquet file with "
                    "the pictures inside is read by clip_tutor.data.hub.parquet_pairs"
                )
            yield number, name, captions_in(row, captions)
