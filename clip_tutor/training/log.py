"""What a run writes down while it goes on, beside its checkpoints.

    run/log.csv       one line a record: the same numbers that the live curve draws
    run/skipped.csv   steps and pictures that were left out, by name, with the reason
    run/tensorboard/  the records again, for `tensorboard --logdir run`

A full disk must not end a run that is going well: what cannot be written is reported once and then left out.
"""

from __future__ import annotations

import csv
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from clip_tutor.training.config import Record

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

LOG, SKIPPED = "log.csv", "skipped.csv"


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
        self._broken = False
        if folder is None:
            return
        with _Quietly(self):
            folder.mkdir(parents=True, exist_ok=True)
            self._rewrite(history)
            from torch.utils.tensorboard import SummaryWriter  # takes seconds to import

            last = int(history[-1]["step"]) if history else 0
            self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=last + 1)

    def add(self, history: Sequence[Record]) -> None:
        """Write the last record of ``history``."""
        if self.folder is None or self._broken:
            return
        record = history[-1]
        with _Quietly(self):
            if set(record) <= set(self._columns):
                with (self.folder / LOG).open("a", newline="", encoding="utf-8") as file:
                    csv.DictWriter(file, self._columns).writerow(record)
            else:  # a column more, from an evaluation: the whole table again
                self._rewrite(history)
            for name, value in record.items():
                if self._board and name != "step":
                    self._board.add_scalar(name, value, int(record["step"]))

    def skip(self, step: int, what: str, names: Iterable[str]) -> None:
        """Note that a step left out these samples."""
        if self.folder is None or self._broken:
            return
        with _Quietly(self):
            path = self.folder / SKIPPED
            new = not path.exists()
            with path.open("a", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                if new:
                    writer.writerow(["step", "what", "sample"])
                writer.writerows([step, what, name] for name in names)

    def close(self) -> None:
        """Write what TensorBoard still holds back."""
        if self._board and not self._broken:
            with _Quietly(self):
                self._board.close()

    def _rewrite(self, history: Sequence[Record]) -> None:
        self._columns = list(dict.fromkeys(name for record in history for name in record))
        assert self.folder is not None
        with (self.folder / LOG).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self._columns)
            writer.writeheader()
            writer.writerows(history)


class _Quietly:
    """Turn a failure to write into one warning."""

    def __init__(self, log: RunLog) -> None:
        self.log = log

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> bool:
        if not isinstance(error, OSError):
            return False
        self.log._broken = True
        warnings.warn(f"the run goes on, but its log in {self.log.folder} does not: {error}", stacklevel=3)
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
