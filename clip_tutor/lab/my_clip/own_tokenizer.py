"""The learner's MyTokenizer where the library's is asked for: the batches of `my_clip.py` are rows that it laid out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from clip_tutor.lab.my_clip.file import run
from clip_tutor.tokenizers import BPETokenizer


class OwnTokenizer(BPETokenizer):
    """A tokenizer of the library whose rows come from the class MyTokenizer of a learner's file.

    A process that prepares batches may get it by pickle. The class in the file cannot be pickled, so the file is read
    again there.

    Args:
        file: the path of my_clip.py.
        merges: pairs of symbols in the order in which they were learned.
        context_length: ids in a row.
    """

    def __init__(self, file: Path, merges: Iterable[tuple[str, str]], context_length: int) -> None:
        super().__init__(merges, context_length)
        names = vars(run(file.read_text(encoding="utf-8"), file))
        self._file = file
        self._own = names["MyTokenizer"](self.merges, context_length)

    def __reduce__(self) -> tuple[Any, ...]:
        return OwnTokenizer, (self._file, self.merges, self.context_length)

    def _row(self, caption: str, truncate: bool) -> list[int]:
        """Return the learner's row up to its end token: what stands behind that is the batch's affair."""
        row: list[int] = self._own([caption], truncate=truncate)[0]
        return row[: row.index(self.end_id) + 1]
