"""How often each word and each bigram stands in a corpus: in one pass, and in memory that the bigrams do not fill.

    line ─split─▶ words ─▶ numbers 8 9 3 10 8 0 … ─▶ keys of neighbors, some millions, sorted and counted
                                                         └─▶ a run on disk: see `corpus_counts`

The words stay in memory: there are some hundred thousand to a few million of them, while a gigabyte of text holds
tens of millions of different bigrams. Counting is exact: `count_words` finds the same with two dictionaries.

Corpora that were counted by themselves, on any machine, are put together by `merge_counts`, as if they were one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clip_tutor.data.curation.corpus_counts import CorpusCounts, first_of_each, keys_of, start_folder, write_run
from clip_tutor.data.curation.text import MARKS, split_text

BLOCK = 1 << 20  # words that are numbered together: 60 MB of Python strings
RUN = 1 << 23  # keys that are sorted together: 64 MB
_LINE_END = "\n"
_BREAKS = (_LINE_END, *MARKS)  # what no bigram goes across; they have the first numbers


def count_on_disk(lines: Iterable[str], folder: str | Path) -> CorpusCounts:
    """Count the words of some lines, and their bigrams.

    Args:
        lines: any iterable; a generator is read once, and no more than a million of its words are held.
        folder: for the counts, which take up to twice as much room as the text. Earlier ones in it are removed.

    Raises:
        OSError: the folder's disk is full.
        TypeError: ``lines`` is one text.
    """
    if isinstance(lines, str | bytes):
        raise TypeError(f"lines must be several texts, such as an open file, and this is one: {lines!r:.60}")
    folder = start_folder(folder)
    numbers, breaks = _numbering(), len(_BREAKS)
    for sign in _BREAKS:
        numbers[sign]  # looked up, it has a number
    counts, read = np.zeros(0, np.int64), 0
    block: list[str] = []
    waiting: list[NDArray[np.uint64]] = []  # keys that no run holds yet

    def number_block() -> None:
        nonlocal counts
        ids = np.fromiter(map(numbers.__getitem__, block), np.int64, len(block))  # (BLOCK,)
        counts = _grown(counts, len(numbers)) + np.bincount(ids, minlength=len(numbers))
        inside = (ids[:-1] >= breaks) & (ids[1:] >= breaks)
        waiting.append(keys_of(ids[:-1][inside] - breaks, ids[1:][inside] - breaks))
        block.clear()

    for line in lines:
        block += split_text(line)
        block.append(_LINE_END)
        read += 1
        if len(block) >= BLOCK:
            number_block()
            if sum(map(len, waiting)) >= RUN:
                _sort_and_write(folder, waiting)
    number_block()
    _sort_and_write(folder, waiting)
    made = CorpusCounts(list(numbers)[breaks:], counts[breaks:], read, folder)
    made.save()
    return made


def merge_counts(parts: Iterable[CorpusCounts], folder: str | Path) -> CorpusCounts:
    """Return the counts of all parts together. One part at a time is in memory, beside the words of all.

    Args:
        folder: for the counts; none of the parts' own.

    Raises:
        OSError: the folder's disk is full.
    """
    folder = start_folder(folder)
    numbers, counts, lines = _numbering(), np.zeros(0, np.int64), 0
    for part in parts:
        number = np.fromiter(map(numbers.__getitem__, part.words), np.int64, len(part.words))  # in the whole
        counts = _grown(counts, len(numbers))
        counts[number] += part.word_counts
        lines += part.lines
        for bigrams in part.bigrams():
            keys = keys_of(number[bigrams.first], number[bigrams.second])
            order = keys.argsort()
            write_run(folder, keys[order], bigrams.counts[order])
    made = CorpusCounts(list(numbers), counts, lines, folder)
    made.save()
    return made


def _numbering() -> defaultdict[str, int]:
    """Return a dictionary that gives each new word the next number."""
    numbers: defaultdict[str, int] = defaultdict()
    numbers.default_factory = numbers.__len__
    return numbers


def _grown(counts: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    return np.concatenate([counts, np.zeros(size - len(counts), np.int64)])


def _sort_and_write(folder: Path, waiting: list[NDArray[np.uint64]]) -> None:
    """Write a run of all keys that wait."""
    keys = np.concatenate(waiting)
    waiting.clear()
    keys.sort()
    starts = first_of_each(keys)
    write_run(folder, keys[starts], np.diff(starts, append=len(keys)))
