"""A folder of images and an index of it are brought to agree.

    scan ─▶ new, changed ─▶ decode, encode ─▶ added, a batch at a time;  the row of an older version is removed
          ─▶ gone ─▶ removed, unless a new file has its content: then it was renamed or moved, and keeps its vector

Run again, it does what is left to do: after Ctrl-C, after more photographs were taken, after a folder was renamed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from clip_tutor.search.encode import encode_sources
from clip_tutor.search.scan import Stamp, compare, scan

if TYPE_CHECKING:
    from clip_tutor.search.index import ImageIndex

NAMED = 20  # bad files, the most that are named in print


@dataclass
class Update:
    """What an update did, in numbers of images, and what could not be read."""

    added: int = 0
    changed: int = 0
    moved: int = 0  # renamed or moved: not encoded again
    removed: int = 0
    unchanged: int = 0
    others: int = 0  # files that are no images by their names
    problems: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [
            f"{self.added:,} added, {self.changed:,} changed, {self.moved:,} renamed or moved, "
            f"{self.removed:,} removed, {self.unchanged:,} unchanged"
        ]
        if self.others:
            lines.append(f"{self.others:,} other files were left alone")
        if self.problems:
            lines.append(f"{len(self.problems):,} could not be read:")
            for name, why in list(self.problems.items())[:NAMED]:
                lines.append("  " + (why if name in why else f"{name}: {why}"))
            if len(self.problems) > NAMED:
                lines.append(f"  and {len(self.problems) - NAMED:,} more")
        return "\n".join(lines)


def update_index(index: ImageIndex, folder: str | Path, workers: int | None = None, progress: bool = False) -> Update:
    """Bring an index up to date with a folder of images.

    Args:
        workers: threads that decode.
        progress: show a bar.

    Raises:
        FileNotFoundError, NotADirectoryError: there is no such folder.
        ValueError: the folder is empty now, and the index holds images of it.
        OSError: the index could not be written, most often for want of space; what was added before stays.
    """
    found = scan(folder)
    rows = index.rows
    root = os.path.join(os.path.abspath(os.path.expanduser(folder)), "")
    alive, files, names = rows.alive, rows.files, rows.names()
    held = {
        names[row]: row
        for row in np.flatnonzero(alive & (files["mtime_ns"] != 0)).tolist()
        if names[row].startswith(root)
    }  # of a file whose row was to be removed when the last run was killed, the later row counts
    known = {name: Stamp(int(files["size"][row]), int(files["mtime_ns"][row])) for name, row in held.items()}
    if known and not found.files:
        raise ValueError(
            f"{root} holds no image now, and the index has {len(known):,} of it: is its disk connected? Nothing was "
            "changed; if they are gone for good, delete the index"
        )
    changes = compare(found, known)
    update = Update(unchanged=len(changes.unchanged), others=found.others, problems=dict(found.problems))
    contents = _Contents(rows.vectors, files, np.flatnonzero(alive))
    older = [row for row in np.flatnonzero(alive).tolist() if held.get(names[row], row) != row]
    if older:
        rows.remove(older)
    gone, changed = set(changes.gone), set(changes.changed)
    todo = [*changes.changed, *changes.new]
    with tqdm(total=len(todo), desc="indexing", unit=" images", disable=not progress) as bar:
        for batch in encode_sources(index.model, ((path, Path(path)) for path in todo), workers, contents.vector):
            index.add_batch(batch)
            replaced = [held[name] for name in batch.names if name in changed]
            for name, facts in zip(batch.names, batch.files, strict=True):
                before = contents.row(int(facts["size"]), int(facts["digest"]))
                origin = None if name in changed or before is None else names[before]
                if origin in gone or (origin is not None and before not in replaced and not os.path.exists(origin)):
                    replaced.append(int(before))  # type: ignore[arg-type]
                    gone.discard(str(origin))
                    contents.forget(int(before))  # type: ignore[arg-type]
                    update.moved += 1
            if replaced:
                rows.remove(replaced)
            update.changed += sum(name in changed for name in batch.names)
            update.problems |= batch.problems
            update.added += len(batch.names)
            bar.update(batch.read)
    update.added -= update.changed + update.moved
    if gone:
        rows.remove([held[name] for name in gone])
        update.removed = len(gone)
    index.finish()  # whatever there was to do: the last run may have been killed before this
    return update


class _Contents:
    """Finds the row of a file's content."""

    def __init__(
        self, vectors: NDArray[np.float16] | NDArray[np.float32], files: NDArray[np.void], rows: NDArray[np.int64]
    ):
        self._vectors = vectors
        digests = files["digest"][rows]
        rows = rows[digests != 0]
        order = np.argsort(files["digest"][rows], kind="stable")
        self._rows, self._digests = rows[order], files["digest"][rows][order]
        self._row_sizes = files["size"][self._rows]
        self._sizes = set(self._row_sizes.tolist())
        self._forgotten: set[int] = set()

    def row(self, size: int, digest: int) -> int | None:
        """Return the row of a file of this size and digest, if there is one."""
        place = int(np.searchsorted(self._digests, np.uint64(digest)))
        while place < len(self._digests) and self._digests[place] == digest:
            row = int(self._rows[place])
            if self._row_sizes[place] == size and row not in self._forgotten:
                return row
            place += 1
        return None

    def forget(self, row: int) -> None:
        """Leave a row out from now on: its file was found under another name."""
        self._forgotten.add(row)

    def vector(self, size: int, digest: int | None) -> NDArray[np.float32] | bool | None:
        """Return whether some file has this size; with a digest, the vector of the same content."""
        if digest is None:
            return size in self._sizes
        row = self.row(size, digest)
        return None if row is None else np.asarray(self._vectors[row], np.float32)
