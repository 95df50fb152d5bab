"""Notebooks as the tests ran them: kept with their outputs, and fresh while nothing that they show has changed.

    notebooks/07_….ipynb ─┐
    clip_tutor/  data/  ──┴─ fingerprint ──▶ in the metadata of build/executed/07_….ipynb, which the tests' run writes

A copy is fresh as long as the fingerprint of today is the one that it holds.

    python -m clip_tutor.lab.course.executed             print the notebooks that have no fresh copy
    python -m clip_tutor.lab.course.executed 03 07       those among these
"""

import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from clip_tutor.lab.course.notebook_files import CHECKOUT, as_text
from clip_tutor.lab.course.syllabus import Notebook, read_syllabus

RAN_WITH = "clip_tutor_ran_with"  # the key in a copy's metadata


def keep(notebook: dict[str, Any], path: Path, fingerprint: str) -> None:
    """Write a notebook that ran to its end, with its outputs and the `fingerprint_of` what it ran with."""
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {**notebook["metadata"], RAN_WITH: fingerprint}
    path.write_text(as_text({**notebook, "metadata": metadata}), encoding="utf-8")


def is_fresh(copy: Path, notebook: Path, root: Path = CHECKOUT) -> bool:
    """Return whether a notebook would run today with just what its executed ``copy`` ran with."""
    if not copy.exists():
        return False
    ran_with = json.loads(copy.read_text(encoding="utf-8"))["metadata"].get(RAN_WITH)
    return bool(ran_with == fingerprint_of(notebook, root))


def stale(root: Path = CHECKOUT, only: Sequence[str] = ()) -> list[Notebook]:
    """Return the notebooks of the course, or those of the two-digit numbers ``only``, that have no fresh copy."""
    course = read_syllabus(root / "notebooks" / "course.toml")
    wanted = [one for one in course if one.ready and (not only or one.id in only)]
    executed, notebooks = root / "build" / "executed", root / "notebooks"
    return [one for one in wanted if not is_fresh(executed / one.file, notebooks / one.file, root)]


def fingerprint_of(notebook: Path, root: Path = CHECKOUT) -> str:
    """Return digits that change with a notebook's file, its lesson, the library or the data."""
    digest = hashlib.sha256(notebook.read_bytes())
    digest.update(_library(root).encode())
    for path in sorted((root / "clip_tutor" / "lessons" / f"nb{notebook.stem}").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


@cache
def _library(root: Path) -> str:
    """Return the fingerprint of what all notebooks share: the library but its lessons, the data, `course.toml`."""
    digest = hashlib.sha256()
    for path in sorted(_shared_files(root)):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _shared_files(root: Path) -> Iterator[Path]:
    yield from (root / "notebooks").glob("course.toml")
    lessons = root / "clip_tutor" / "lessons"
    yield from (path for path in (root / "clip_tutor").rglob("*.py") if lessons not in path.parents)
    yield from (path for path in (root / "data").rglob("*") if path.is_file() and "__pycache__" not in path.parts)


if __name__ == "__main__":
    for one in stale(only=sys.argv[1:]):
        print(f"notebooks/{one.file}")
