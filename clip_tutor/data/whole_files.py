"""Files that are there whole or not at all, whatever ends the program that writes them.

write ─▶ .00000.parquet.17.draft ─ synced to the disk ─ renamed ─▶ 00000.parquet
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Open a draft for writing that becomes ``path`` when all is written; an error leaves what was there before.

    Raises:
        OSError: it could not be written, most often for want of space; no part of it is left.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        with open(draft, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # or a power cut could leave the new name with nothing behind it
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def drafts_of(path: Path) -> list[Path]:
    """Return what processes that were killed have left of a file."""
    return list(path.parent.glob(f".{glob.escape(path.name)}.*.draft"))
