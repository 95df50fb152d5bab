"""What a run writes down while it goes on, beside its checkpoints.

    run/log.csv       one line a record: the same numbers that the live curve draws
    run/skipped.csv   steps and images that were left out, by name, with the reason
    run/tensorboard/  the records again, for `tensorboard --logdir run`

A full disk must not end a run that is going well: what cannot be written is reported once and then left out. Names
that no encoding can hold are escaped, as `printable` does it.
"""

from __future__ import annotations

import csv
import sys
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from clip_tutor.printable import printable
from clip_tutor.training.config import Record

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

LOG, SKIPPED = "log.csv", "skipped.csv"
_BOARD = "tensorboard"


class RunLog:
    """The log of a run, continued where its history ends.

    Args:
        folder: of the run; None writes nothing.
        history: the records so far; later ones that a killed run had written are dropped from the log.
    """

    def __init__(self, folder: Path | None, history: Sequence[Record]) -> None:
        self.folder = folder
        self._columns: list[str] = []
        self._board: SummaryWriter | None = None
        self._broken = set[str]()  # which of the three can no longer be written
        if folder is None:
            return
        with _Quietly(self, LOG):
            folder.mkdir(parents=True, exist_ok=True)
            self._rewrite(history)
        with _Quietly(self, _BOARD):
            from torch.utils.tensorboard import SummaryWriter  # takes seconds to import

            last = int(history[-1]["step"]) if history else 0
            self._board = SummaryWriter(str(folder / _BOARD), purge_step=last + 1)

    def add(self, history: Sequence[Record]) -> None:
        """Write the last record of ``history``."""
        if self.folder is None:
            return
        record = history[-1]
        with _Quietly(self, LOG):
            if LOG in self._broken:
                pass
            elif set(record) <= set(self._columns):
                with self._open(LOG, "a") as file:
                    csv.DictWriter(file, self._columns).writerow(record)
            else:  # a column more, from an evaluation: the whole table again
                self._rewrite(history)
        with _Quietly(self, _BOARD):
            for name, value in record.items():
                if self._board and _BOARD not in self._broken and name != "step":
                    self._board.add_scalar(printable(name, None), value, int(record["step"]))

    def skip(self, step: int, what: str, names: Iterable[str]) -> None:
        """Note that a step left out these samples."""
        if self.folder is None or SKIPPED in self._broken:
            return
        with _Quietly(self, SKIPPED):
            new = not (self.folder / SKIPPED).exists()
            with self._open(SKIPPED, "a") as file:
                writer = csv.writer(file)
                if new:
                    writer.writerow(["step", "what", "sample"])
                writer.writerows([step, what, name] for name in names)

    def close(self) -> None:
        """Write what TensorBoard still holds back."""
        if self._board and _BOARD not in self._broken:
            with _Quietly(self, _BOARD):
                self._board.close()

    def _rewrite(self, history: Sequence[Record]) -> None:
        self._columns = list(dict.fromkeys(name for record in history for name in record))
        with self._open(LOG, "w") as file:
            writer = csv.DictWriter(file, self._columns)
            writer.writeheader()
            writer.writerows(history)

    def _open(self, name: str, mode: str) -> IO[str]:
        assert self.folder is not None
        return (self.folder / name).open(mode, newline="", encoding="utf-8", errors="backslashreplace")


class _Quietly:
    """Turn a failure to write one of the files into one warning."""

    def __init__(self, log: RunLog, what: str) -> None:
        self.log, self.what = log, what

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> bool:
        if not isinstance(error, OSError | UnicodeError):  # TensorBoard takes no name that is not UTF-8
            return False
        self.log._broken.add(self.what)
        said = f"the run goes on, but its log in {self.log.folder}/{self.what} does not: {error}"
        warnings.warn(printable(said, sys.stderr), stacklevel=3)
        return True


def read_log(run: str | Path) -> list[Record]:
    """Return the history that a run has written so far, to look at a run that is still going on.

    Args:
        run: its folder.

    Raises:
        FileNotFoundError: there is no log in it.
    """
    path = Path(run) / LOG
    if not path.exists():
        raise FileNotFoundError(f"there is no {LOG} in {run}: give the folder that was named as run")
    with path.open(newline="", encoding="utf-8") as file:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]
