"""An index on the disk: a folder of files that only ever grow, and a small one that says how far they count.

    photos.index/
      manifest.json    format, model, how many rows, bytes and removals count     written anew with each batch, at once
      vectors          (N, E) float16, unit length                                mapped, not read
      names            UTF-8, one behind the other;  name_ends: (N,) int64
      files            (N,) size, time of last change, digest of the content, when it was taken
      removed          (R,) int64: rows that no longer count

A batch is appended to all files, and counts from the moment the new manifest is there. Who is killed before that leaves
bytes behind the end, which the next one writes over: at most one batch is lost. Of two processes that write to one
index, the later is refused: it does not know the rows of the other.
"""

from __future__ import annotations

import errno
import glob
import json
import mmap
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clip_tutor.search.exact import Mask, Vectors

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

FORMAT = 1
MANIFEST = "manifest.json"
# What is known of a row's file. All zero: it was no file, but pixels.
FILE_FACTS = np.dtype([("size", "<i8"), ("mtime_ns", "<i8"), ("digest", "<u8"), ("taken", "<i8")])
FileFacts = NDArray[np.void]
FILES = ("vectors", "names", "name_ends", "files", "removed")
COUNTS = ("rows", "name_bytes", "removed")  # of the manifest: how far the files count
ADVICE = {
    errno.ENOENT: "is its disk connected, and the folder still there?",
    errno.EACCES: "ask its owner for the permission, or let --index name another place",
    errno.EROFS: "its disk is for reading only: let --index name another place",
}


def holds_nothing(path: Path) -> bool:
    """Return whether an index can be made here: nothing is there, or an empty folder, or one that was just begun."""
    if not path.exists():
        return True
    return path.is_dir() and all(file.name in FILES and not file.stat().st_size for file in path.iterdir())


class Store:
    """The rows of an index in a folder. `Store.create` and `Store.open` make one.

    Attributes:
        path: the folder.
        manifest: what manifest.json holds.
        vectors: (N, E) float16, mapped.
        files: (N,) of `FILE_FACTS`, mapped.
        alive: (N,) bool: the rows that were not removed.
    """

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        self.path, self.manifest = path, manifest
        self._seen = {count: manifest[count] for count in COUNTS}  # on the disk, when this process last looked
        self._map()

    @classmethod
    def create(cls, path: str | Path, model: str, embed_dim: int) -> Store:
        """Make an empty index in a new folder.

        Args:
            model: the fingerprint of the model whose vectors it will hold.

        Raises:
            FileExistsError: there is something already.
            OSError: the folder cannot be written.
        """
        path = Path(path)
        if not holds_nothing(path):
            raise FileExistsError(f"there is something at {path} already: give the index a new folder")
        try:
            path.mkdir(parents=True, exist_ok=True)
            for name in FILES:
                (path / name).touch()
        except OSError as error:
            raise _unwritten(path, error) from error
        manifest = {"format": FORMAT, "model": model, "embed_dim": embed_dim, "rows": 0, "name_bytes": 0, "removed": 0}
        store = cls.__new__(cls)
        store.path, store.manifest = path, manifest
        store._write_manifest()
        store._map()
        return store

    @classmethod
    def open(cls, path: str | Path) -> Store:
        """Open an index.

        Raises:
            FileNotFoundError: there is none.
            ValueError: it is no index, was made by a newer version of the kit, is cut off or damaged.
        """
        path = Path(path)
        if not (path / MANIFEST).is_file():
            what = "is not an image index" if path.exists() else "is not there"
            saved = sorted(path.parent.glob(f".{glob.escape(path.name)}.*/{MANIFEST}"))
            what += f", but a save that was interrupted has left it as {saved[0].parent}: rename that" if saved else ""
            raise (ValueError if path.exists() else FileNotFoundError)(
                f"{path} {what}: give the folder of one (it holds {MANIFEST}), or make one with "
                f"python -m clip_tutor.search index PHOTOS --index {path}"
            )
        try:
            manifest = json.loads((path / MANIFEST).read_text("utf-8"))
            numbers = [manifest[key] for key in ("format", "embed_dim", "rows", "name_bytes", "removed")]
            if not all(type(number) is int and number >= 0 for number in numbers) or type(manifest["model"]) is not str:
                raise ValueError("a number or the model is of another kind")
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{path / MANIFEST} cannot be read ({error!r}): the index is damaged; make it anew from the images"
            ) from error
        if manifest["format"] != FORMAT:
            raise ValueError(
                f"{path} is of format {manifest['format']}, and this version of clip_tutor reads {FORMAT}: "
                "bring the kit up to date, or make the index anew"
            )
        return cls(path, manifest)

    def __len__(self) -> int:
        return int(self.manifest["rows"])

    @property
    def embed_dim(self) -> int:
        """E, the length of a vector."""
        return int(self.manifest["embed_dim"])

    def name(self, row: int) -> str:
        """Return the name of a row."""
        start = int(self._ends[row - 1]) if row else 0
        return self._text(bytes(self._names[start : int(self._ends[row])]))

    def names(self) -> list[str]:
        """Return the names of all rows, those that were removed among them."""
        joined, ends = self._names.tobytes(), self._ends.tolist()
        return [self._text(joined[a:b]) for a, b in zip([0, *ends], ends, strict=False)]

    def _text(self, name: bytes) -> str:
        try:
            return name.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise ValueError(f"{self.path} is damaged: a name is no text; make it anew from the images") from error

    def append(self, vectors: Vectors, names: Sequence[str], files: FileFacts | None = None) -> None:
        """Add rows; they count when this returns, and not before.

        Args:
            vectors: (B, E), of unit length.
            files: (B,) of `FILE_FACTS`; none for what is not a file.

        Raises:
            OSError: they could not be written, most often for want of space; the index is as it was.
            ValueError: another process has written to the index meanwhile.
        """
        encoded = [name.encode("utf-8", "surrogatepass") for name in names]
        ends = self.manifest["name_bytes"] + np.cumsum([len(name) for name in encoded], dtype=np.int64)
        facts = np.zeros(len(names), FILE_FACTS) if files is None else files
        rows, size, half = len(self), self.manifest["name_bytes"], np.ascontiguousarray(vectors, np.float16)
        with self._alone():
            self._write_behind("vectors", rows * self.embed_dim * 2, half.tobytes())
            self._write_behind("names", size, b"".join(encoded))
            self._write_behind("name_ends", rows * 8, ends.tobytes())
            self._write_behind("files", rows * FILE_FACTS.itemsize, facts.tobytes())
            self._commit(rows=rows + len(names), name_bytes=size + sum(map(len, encoded)))

    def remove(self, rows: Sequence[int]) -> None:
        """Take rows out of the index; their numbers are not used again.

        Raises:
            OSError: it could not be written; the index is as it was.
            ValueError: another process has written to the index meanwhile.
        """
        before = self.manifest["removed"]
        with self._alone():
            self._write_behind("removed", before * 8, np.asarray(rows, np.int64).tobytes())
            self._commit(removed=before + len(rows))

    def write_column(self, name: str, values: NDArray[Any]) -> None:
        """Keep (N,) values, to filter by.

        Raises:
            TypeError: they are Python objects, which no file of numbers holds.
            OSError: they could not be written.
        """
        if values.dtype == object:
            raise TypeError(f"the values of column {name!r} are of several kinds: give numbers, or strings, alone")
        draft = self.path / f".column_{name}.npy"
        try:
            np.save(draft, values)
            draft.replace(self.path / f"column_{name}.npy")
        except OSError as error:
            raise _unwritten(self.path, error) from error
        finally:
            draft.unlink(missing_ok=True)

    def column_names(self) -> list[str]:
        """Return the names of the columns that were kept."""
        return sorted(file.stem.removeprefix("column_") for file in self.path.glob("column_*.npy"))

    def read_column(self, name: str) -> NDArray[Any]:
        """Return (N,) values that were kept.

        Raises:
            ValueError: the file was cut off or damaged.
        """
        file = self.path / f"column_{name}.npy"
        try:
            return np.asarray(np.load(file, mmap_mode="r"))
        except (ValueError, EOFError, OSError) as error:
            raise ValueError(f"{file} cannot be read ({error}): delete it, and set the column anew") from error

    def write_manifest(self) -> None:
        """Write manifest.json, atomically.

        Raises:
            OSError: it could not be written.
            ValueError: another process has written to the index meanwhile.
        """
        with self._alone():
            self._write_manifest()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold off other processes while files are written; refuse if one has written since this one looked."""
        with ExitStack() as stack:
            try:
                lock = stack.enter_context(open(self.path / "vectors", "rb"))
                if fcntl:
                    with suppress(OSError):  # some network disks have no locks; then the counts alone must do
                        fcntl.flock(lock, fcntl.LOCK_EX)  # let go of when the file is closed, or the process killed
                there = json.loads((self.path / MANIFEST).read_text("utf-8"))
            except OSError as error:
                raise _unwritten(self.path, error) from error
            if any(there[count] != self._seen[count] for count in COUNTS):
                raise ValueError(
                    f"another process has written to {self.path} since this one opened it: let one at a time do so, "
                    "and open the index again. What the other wrote is untouched"
                )
            yield

    def _write_manifest(self) -> None:
        draft = self.path / f".{MANIFEST}.{os.getpid()}"
        try:
            with draft.open("w", encoding="utf-8") as file:
                json.dump(self.manifest, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.path / MANIFEST)
            self._seen = {count: self.manifest[count] for count in COUNTS}
        except OSError as error:
            raise _unwritten(self.path, error) from error
        finally:
            draft.unlink(missing_ok=True)

    def _commit(self, **counts: int) -> None:
        before = dict(self.manifest)
        self.manifest.update(counts)
        try:
            self._write_manifest()
        except OSError:
            self.manifest = before
            raise
        self._map()

    def _write_behind(self, name: str, start: int, content: bytes) -> None:
        """Write what follows the first ``start`` bytes of a file, and what lay there before is gone."""
        try:
            with (self.path / name).open("r+b") as file:
                file.seek(start)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())  # or a power cut could leave a manifest that counts what is not there
        except OSError as error:
            raise _unwritten(self.path, error) from error

    def _map(self) -> None:
        rows, E = len(self), self.embed_dim
        self.vectors: NDArray[np.float16] = self._mapped("vectors", np.dtype(np.float16), rows * E).reshape(rows, E)
        self._names: NDArray[np.uint8] = self._mapped("names", np.dtype(np.uint8), self.manifest["name_bytes"])
        self._ends: NDArray[np.int64] = self._mapped("name_ends", np.dtype("<i8"), rows)
        self.files: FileFacts = self._mapped("files", FILE_FACTS, rows)
        removed = self._mapped("removed", np.dtype("<i8"), self.manifest["removed"])
        ends = self._ends[-1] if rows else 0
        if (
            ends != self.manifest["name_bytes"]
            or (self._ends[1:] < self._ends[:-1]).any()
            or (len(removed) and not 0 <= removed.min() <= removed.max() < rows)
        ):
            raise ValueError(f"{self.path} is damaged: its names do not fit its vectors; make it anew from the images")
        self.alive: Mask = np.ones(rows, bool)
        self.alive[removed] = False

    def _mapped(self, name: str, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
        """Return the first ``count`` numbers of a file, mapped into memory for reading."""
        file, needed = self.path / name, count * dtype.itemsize
        there = file.stat().st_size if file.is_file() else -1
        if there < needed:
            what = f"has {there:,} bytes of {needed:,}" if there >= 0 else "is missing"
            raise ValueError(
                f"{self.path} is cut off: its file {name} {what}. Copy the index again, or make it anew from the images"
            )
        if not count:
            return np.empty(0, dtype)
        with file.open(
            "rb"
        ) as opened:  # privately: torch wants memory that can be written, and the file stays as it is
            mapped = mmap.mmap(opened.fileno(), needed, access=mmap.ACCESS_COPY)
        return np.frombuffer(mapped, dtype, count)


def _unwritten(path: Path, error: OSError) -> OSError:
    advice = ADVICE.get(error.errno or 0, "make room on its disk, and run the same again")
    said = f"{path} could not be written ({error.strerror or error}): {advice}. "
    return OSError(error.errno, said + "What the index held before is untouched")
