"""How often each word and each bigram stands in a corpus: in one pass, and in memory that the bigrams do not fill.

    line ─split─▶ words ─▶ numbers 8 9 3 10 8 0 … ─▶ keys of neighbors, some millions, sorted and counted
                                                         └─▶ one run for each of 64 files on disk, by the key
    at the end: file after file, its runs are sorted into one ─▶ the counts of a 64th of all bigrams

The words stay in memory: there are some hundred thousand to a few million of them, while a gigabyte of text holds
tens of millions of different bigrams. Counting is exact; `counting` does the same with two dictionaries.

Source: the external merge sort of Knuth, The Art of Computer Programming 3, section 5.4, with hashed partitions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clip_tutor.data.curation.text import MARKS, split_text

FILES = 64
BLOCK = 1 << 20  # words that are numbered together: 60 MB of Python strings
RUN = 1 << 23  # keys that are sorted together: 64 MB
_LINE_END = "\n"
_BREAKS = (_LINE_END, *MARKS)  # what no bigram goes across; they have the first numbers
_BITS = 29  # of a word's number in a key; 6 bits above them say the file
_NUMBER = (1 << _BITS) - 1
_COUNTED = np.dtype([("key", np.uint64), ("count", np.uint32)])


class Bigrams(NamedTuple):
    """Some bigrams of a corpus, each of them in one `Bigrams` only."""

    first: NDArray[np.int64]  # (K,) the number of the word that comes first
    second: NDArray[np.int64]  # (K,) and of the one after it
    count: NDArray[np.int64]  # (K,)


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
        """Yield all bigrams in 64 parts, each with counts that are final."""
        for number in range(FILES):
            runs = np.fromfile(_file(self.folder, number), _COUNTED)
            if len(runs):
                runs = runs[np.argsort(runs["key"])]
                starts = _starts(runs["key"])
                keys = runs["key"][starts].astype(np.int64)
                counts = np.add.reduceat(runs["count"], starts, dtype=np.int64)
                first, second = (keys >> _BITS) & _NUMBER, keys & _NUMBER
                yield Bigrams(first - len(_BREAKS), second - len(_BREAKS), counts)


def count_on_disk(lines: Iterable[str], folder: str | Path) -> CorpusCounts:
    """Count the words of some lines, and their bigrams.

    Args:
        lines: any iterable; a generator is read once, and no more than a million of its words are held.
        folder: for the counts of bigrams, about as large as the text; what an earlier count left in it is removed.

    Raises:
        OSError: the folder's disk is full.
        TypeError: ``lines`` is one text.
    """
    if isinstance(lines, str | bytes):
        raise TypeError(f"lines must be several texts, such as an open file, and this is one: {lines!r:.60}")
    runs = _Runs(Path(folder).expanduser())
    numbers: defaultdict[str, int] = defaultdict(None, {sign: n for n, sign in enumerate(_BREAKS)})
    numbers.default_factory = numbers.__len__  # a new word gets the next number
    counts, read = np.zeros(0, np.int64), 0
    block: list[str] = []

    def add_block() -> None:
        nonlocal counts
        ids = np.fromiter(map(numbers.__getitem__, block), np.int64, len(block))  # (BLOCK,)
        seen = np.bincount(ids, minlength=len(numbers))
        seen[: len(counts)] += counts
        counts = seen
        inside = (ids[:-1] >= len(_BREAKS)) & (ids[1:] >= len(_BREAKS))
        runs.add(ids[:-1][inside], ids[1:][inside])
        block.clear()

    for line in lines:
        block += split_text(line)
        block.append(_LINE_END)
        read += 1
        if len(block) >= BLOCK:
            add_block()
    add_block()
    runs.write()
    return CorpusCounts(list(numbers)[len(_BREAKS) :], counts[len(_BREAKS) :], read, runs.folder)


class _Runs:
    """Keys of bigrams, which go to disk, sorted and counted, as soon as there are many."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(FILES):
            _file(folder, number).unlink(missing_ok=True)
        self._waiting: list[NDArray[np.int64]] = []
        self._count = 0

    def add(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> None:
        """Take the two numbers of some bigrams."""
        file = (first * 31 + second) % FILES  # any mixture that shares them out evenly
        self._waiting.append((file << 2 * _BITS) | (first << _BITS) | second)
        self._count += len(first)
        if self._count >= RUN:
            self.write()

    def write(self) -> None:
        """Write what waits, a run to each file."""
        keys = np.concatenate([*self._waiting, np.zeros(0, np.int64)]).view(np.uint64)
        self._waiting, self._count = [], 0
        keys.sort()
        starts = _starts(keys)
        run = np.empty(len(starts), _COUNTED)
        run["key"], run["count"] = keys[starts], np.diff(starts, append=len(keys))
        ends = np.searchsorted(run["key"] >> np.uint64(2 * _BITS), np.arange(FILES + 1, dtype=np.uint64))
        try:
            for number in range(FILES):
                with open(_file(self.folder, number), "ab") as file:
                    file.write(run[ends[number] : ends[number + 1]].tobytes())
        except OSError as error:
            why = f"the counts of bigrams could not be written to {self.folder} ({error.strerror or error})"
            raise OSError(f"{why}: they need about as much room as the text. Give a folder on a larger disk") from error


def _starts(keys: NDArray[Any]) -> NDArray[np.int64]:
    """Return where, in sorted keys, each different one begins."""
    if not len(keys):
        return np.zeros(0, np.int64)
    return np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))


def _file(folder: Path, number: int) -> Path:
    return folder / f"bigrams-{number:02}.bin"
