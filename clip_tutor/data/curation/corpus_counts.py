"""A folder of counts: the words of a corpus, and its bigrams in files of which each fits into memory.

    counts/words.txt         the n-th different word of the corpus, a line each
           word_counts.npy   (V,) how often it stands there
           bigrams-00.bin    runs of keys with counts; each run is sorted, and a key may come in several
           …         63.bin
           lines.txt         how many lines were counted: written last, so that without it the counts are not whole

The key of a bigram holds both words' numbers and, above them, the file it goes to. A file's runs are sorted into one
when they are read: then the counts of a 64th of all bigrams are final.

Source: the external merge sort of Knuth, The Art of Computer Programming 3, section 5.4, with hashed partitions.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FILES = 64
_BITS = 29  # of a word's number in a key; 6 bits above both say the file
_NUMBER = (1 << _BITS) - 1
_COUNTED = np.dtype([("key", np.uint64), ("count", np.int64)])


class Bigrams(NamedTuple):
    """Some bigrams of a corpus, each of them in one `Bigrams` only."""

    first: NDArray[np.int64]  # (K,) the number of the word that comes first
    second: NDArray[np.int64]  # (K,) and of the one after it
    counts: NDArray[np.int64]  # (K,)


@dataclass(frozen=True)
class CorpusCounts:
    """How often each word stands in a corpus, and where the counts of its bigrams lie."""

    words: list[str]  # word n is the n-th different one of the corpus
    word_counts: NDArray[np.int64]  # (V,)
    lines: int
    folder: Path

    @property
    def total(self) -> int:
        """How many words the corpus has."""
        return int(self.word_counts.sum())

    def bigrams(self) -> Iterator[Bigrams]:
        """Yield all bigrams in at most 64 parts, each with counts that are final."""
        for number in range(FILES):
            runs = np.fromfile(_file(self.folder, number), _COUNTED)
            if len(runs):
                runs = runs[np.argsort(runs["key"])]
                starts = first_of_each(runs["key"])
                keys = runs["key"][starts].view(np.int64)
                counts = np.add.reduceat(runs["count"], starts)
                yield Bigrams((keys >> _BITS) & _NUMBER, keys & _NUMBER, counts)

    def save(self) -> None:
        """Put the words and their counts beside the bigrams.

        Raises:
            OSError: the disk is full.
        """
        with _writing_to(self.folder):
            (self.folder / "words.txt").write_text("\n".join(self.words), "utf-8", "surrogatepass", newline="\n")
            np.save(self.folder / "word_counts.npy", self.word_counts)
            draft = self.folder / f".lines.{os.getpid()}.draft"
            draft.write_text(str(self.lines))
            draft.replace(self.folder / "lines.txt")


def open_counts(folder: str | Path) -> CorpusCounts | None:
    """Return the counts that lie in a folder; None if there are none, or their counting was not finished."""
    folder = Path(folder).expanduser()
    if not (folder / "lines.txt").exists():
        return None
    words = (folder / "words.txt").read_text("utf-8", "surrogatepass").split("\n")
    counts = np.load(folder / "word_counts.npy")
    return CorpusCounts(words if len(counts) else [], counts, int((folder / "lines.txt").read_text()), folder)


def start_folder(folder: str | Path) -> Path:
    """Make a folder for counts, without those that were in it before.

    Raises:
        OSError: the disk is full.
    """
    folder = Path(folder).expanduser()
    with _writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "lines.txt").unlink(missing_ok=True)
        for number in range(FILES):
            _file(folder, number).write_bytes(b"")
    return folder


def keys_of(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return a key for each bigram (K,) of two words' numbers."""
    file = (first * 31 + second) % FILES  # any mixture that shares them out evenly
    return ((file << 2 * _BITS) | (first << _BITS) | second).view(np.uint64)


def write_run(folder: Path, keys: NDArray[np.uint64], counts: NDArray[np.int64]) -> None:
    """Append sorted keys and their counts (K,) to the files that they belong to.

    Raises:
        OSError: the disk is full.
    """
    run = np.empty(len(keys), _COUNTED)
    run["key"], run["count"] = keys, counts
    ends = np.searchsorted(keys >> np.uint64(2 * _BITS), np.arange(FILES + 1, dtype=np.uint64))
    with _writing_to(folder):
        for number in range(FILES):
            with open(_file(folder, number), "ab") as file:
                file.write(run[ends[number] : ends[number + 1]].tobytes())


def first_of_each(keys: NDArray[Any]) -> NDArray[np.int64]:
    """Return where, in sorted keys, each different one begins."""
    is_first = np.ones(len(keys), bool)
    is_first[1:] = keys[1:] != keys[:-1]
    return np.flatnonzero(is_first)


def _file(folder: Path, number: int) -> Path:
    return folder / f"bigrams-{number:02}.bin"


@contextmanager
def _writing_to(folder: Path) -> Iterator[None]:
    """Say, where the disk is full, how much room is needed."""
    try:
        yield
    except OSError as error:
        why = f"the counts could not be written to {folder} ({error.strerror or error})"
        raise OSError(f"{why}: they need up to twice as much room as the text. Give another folder") from error
