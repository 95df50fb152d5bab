"""Text files of captions, in whatever encoding they can be read without guessing.

    EF BB BF …     UTF-8 with a byte order mark: "CSV UTF-8" of Excel                    ┐
    FF FE …        UTF-16 with one: "Unicode text" of Excel, `>` in Windows PowerShell   ├─▶ text
    66 00 69 00 …  UTF-16 without one: every second byte of a heading is zero            │
    anything else  UTF-8                                                                 ┘
                   ... and a byte that UTF-8 does not allow there ─▶ an error that names it

Windows' own code pages (cp1252 and its like) and Latin-1 cannot be told apart: any bytes are text in each of them, and
the wrong one turns "é" into another letter. Whoever saved the file knows which it was.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

_LINE_END = re.compile(r"\r\n|\r|\n")


@contextmanager
def open_text(file: str | Path) -> Iterator[TextIO]:
    r"""Open a text file for reading; lines end in ``\n``, ``\r\n`` or, as on old Macs, ``\r``, and keep their ends.

    Raises:
        ValueError: the file is not text in UTF-8, UTF-16 or UTF-32, which may show as late as its last line.
    """
    encoding = _encoding(file)
    try:
        with open(file, encoding=encoding, newline="") as lines:
            yield lines
    except UnicodeDecodeError as error:
        raise _not_text(file, encoding) from error


@contextmanager
def in_utf8(file: str | Path) -> Iterator[Path]:
    """Give a path to the same text in plain UTF-8, for readers that know nothing else: the file itself, or a copy.

    Raises:
        ValueError: as `open_text`.
    """
    with open_text(file) as lines:
        text = lines.read()
    if _encoding(file) == "utf-8":
        yield Path(file)
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, Path(file).name)
        copy.write_bytes(text.encode("utf-8"))
        yield copy


def _encoding(file: str | Path) -> str:
    """Return the encoding that the first four bytes say: how JSON files are told apart fits headings as well."""
    with open(file, "rb") as start:
        return json.detect_encoding(start.read(4))


def _not_text(file: str | Path, encoding: str) -> ValueError:
    """Return an error that names the first byte that is wrong, and the line in which it stands."""
    data = Path(file).read_bytes()
    try:
        data.decode(encoding)
    except UnicodeDecodeError as error:
        line = len(_LINE_END.findall(data[: error.start].decode(encoding, "ignore"))) + 1
        where = f"line {line} of {file} is not {encoding.upper()} text: byte {error.start} is 0x{data[error.start]:02x}"
        if not encoding.startswith("utf-8"):
            return ValueError(f"{where} ({error.reason}). Was the file cut off? Save it once more, as UTF-8")
        before, after = (
            _LINE_END.split(part.decode("cp1252", "replace"))
            for part in (data[max(0, error.start - 60) : error.start], data[error.start : error.start + 20])
        )
        return ValueError(
            f"{where}. In Windows' code page cp1252, Excel's plain CSV, the line would hold "
            f"{before[-1] + after[0]!r}. If so, save the file as UTF-8 (in Excel: CSV UTF-8), or convert it: "
            "Path(file).write_text(Path(file).read_text('cp1252'), 'utf-8')"
        )
    return ValueError(f"{file} changed while it was read")
