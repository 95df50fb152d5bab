r"""The lines of a text corpus, one after the other: a file of any size, of which a few lines may be broken.

wiki.txt   first line ──▶ "first line"
           caf\xe9    ──▶ left out and counted: no UTF-8
"""

from __future__ import annotations

import codecs
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

NAMED = 20  # broken lines, the most that are named
LONGEST = 1 << 20  # bytes of a line; a longer one comes in parts, or a file without line ends would fill the memory

_File = gzip.GzipFile | io.BufferedReader


@dataclass
class CorpusReport:
    """What became of the lines of some files."""

    lines: int = 0  # that were read
    broken: int = 0  # that were left out
    problems: dict[str, str] = field(default_factory=dict)  # of files, and of the first 20 broken lines: what is wrong

    def __str__(self) -> str:
        said = [f"{self.lines:,} lines read, {self.broken:,} broken ones left out"]
        return "\n".join([*said, *(f"  {name}: {why}" for name, why in self.problems.items())])


def read_lines(file: str | Path, report: CorpusReport) -> Iterator[str]:
    """Yield the lines of a text file in UTF-8, plain or compressed with gzip; what is wrong goes into the report.

    A line that is not UTF-8 is left out, and so is what follows where an archive was cut off. A line of more than a
    mebibyte comes in parts that end at spaces.

    Raises:
        OSError: the file cannot be opened or read.
        ValueError: it is UTF-16 or UTF-32, in which no line could be read.
    """
    number = 0
    with _open(Path(file)) as opened:
        try:
            encoding = json.detect_encoding(opened.peek(4)[:4])
            if not encoding.startswith("utf-8"):
                raise ValueError(f"{file} is {encoding.upper()}, and a corpus is read as UTF-8: save it as that")
            for number, piece in _pieces(opened):
                try:
                    line = piece.decode("utf-8")
                except UnicodeDecodeError as error:
                    report.broken += 1
                    if report.broken <= NAMED:
                        wrong = f"byte {error.start} is 0x{piece[error.start]:02x}"
                        report.problems[f"line {number} of {file}"] = f"is not UTF-8: {wrong}"
                    continue
                report.lines += 1
                yield line
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            report.problems[str(file)] = f"is damaged after line {number} ({error}): write or download it again"


def _pieces(opened: _File) -> Iterator[tuple[int, bytes]]:
    """Yield lines with their numbers, from 1; a long one in pieces of the same number."""
    if opened.peek(3)[:3] == codecs.BOM_UTF8:
        opened.read(3)
    number, rest = 1, b""
    while piece := rest + opened.readline(LONGEST):
        ended, rest = piece.endswith(b"\n"), b""
        if not ended and len(piece) >= LONGEST:
            head, _, tail = piece.rpartition(b" ")
            if head:  # else there is not one space in a mebibyte
                piece, rest = head, tail
        yield number, piece
        number += ended


def _open(file: Path) -> _File:
    with open(file, "rb") as start:
        is_packed = start.read(2) == b"\x1f\x8b"
    return gzip.open(file) if is_packed else open(file, "rb")
