"""Files that hold a vocabulary: read, unpacked, and looked at before anyone believes them.

Most broken vocabularies are not vocabularies at all: a page that says "not found" under the name of a file, the
three lines that Git LFS leaves in place of a large file, or a download that stopped half way.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path


def read_vocabulary(path: str | Path) -> bytes:
    """Return the bytes of a vocabulary file, unpacked when it is gzipped.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is empty, a web page, a Git LFS pointer, or a gzip file that was cut off.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no vocabulary file at {path}: download it first, or correct the path")
    content = path.read_bytes()
    if content.startswith(b"\x1f\x8b"):
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(f"{path} cannot be unpacked ({error}): it was cut off; download it again") from error
    beginning = content[:200].lstrip().lower()
    if not beginning:
        raise ValueError(f"{path} is empty: download it again")
    if beginning.startswith(b"version https://git-lfs"):
        raise ValueError(f"{path} is a Git LFS pointer, not the file itself: run `git lfs pull`, or download it")
    if beginning.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise ValueError(f"{path} is a web page, not a vocabulary: open it in a browser to see why, and download again")
    return content


def read_lines(path: str | Path) -> list[str]:
    r"""Return the lines of a text vocabulary. Only ``\n`` ends a line: other line breaks may be part of a token.

    Raises:
        FileNotFoundError, ValueError: as ``read_vocabulary``, or the file is not UTF-8 text.
    """
    try:
        text = read_vocabulary(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not a text file ({error}): this vocabulary is UTF-8, one entry a line") from error
    return text.removesuffix("\n").split("\n")
