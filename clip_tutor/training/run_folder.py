"""When a run is saved: now and then, at its end, and before an error in what only looks at it ends it."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clip_tutor.printable import printable
from clip_tutor.tokenizers import Tokenizer
from clip_tutor.training.checkpoints import remove_temp_files, restore_run, save_run
from clip_tutor.training.config import CHECKPOINT, Record, TrainState
from clip_tutor.training.processes import world
from clip_tutor.training.step import Trainer


class LastCheckpointError(OSError):
    """A run has come to its end, the model holds what it learned, and the last checkpoint could not be written."""

    def __init__(self, message: str, history: list[Record]) -> None:
        super().__init__(message)
        self.history = history


class RunFolder:
    """The folder of a run, with the checkpoint from which it continues. Without a folder nothing is read or written.

    Args:
        run: the folder, in which files can be written; or None.
    """

    def __init__(self, run: str | Path | None, trainer: Trainer, tokenizer: Tokenizer) -> None:
        self.path = Path(run) if run else None
        self.checkpoint = self.path / CHECKPOINT if self.path else None
        self.trainer, self.tokenizer = trainer, tokenizer
        self._restored_step = 0

    def restore(self) -> TrainState:
        """Return how far the run had come, its numbers put back into the trainer; a new run begins at step 0.

        Raises:
            ValueError: the checkpoint is damaged, or that of another model or other settings.
        """
        state = TrainState()
        if self.checkpoint and self.checkpoint.exists():
            state = restore_run(self.checkpoint, self.trainer, self.tokenizer)
        if self.checkpoint and world().rank == 0:
            remove_temp_files(self.checkpoint)
        self._restored_step = state.step
        return state

    def save_if_due(self, state: TrainState) -> None:
        """Save the run every ``checkpoint_every`` steps; if that fails, warn, for the run can go on."""
        if state.step % self.trainer.config.checkpoint_every == 0:
            self._save_or_warn(state)

    def save_last(self, state: TrainState) -> LastCheckpointError | None:
        """Save the run at its end. Return the error if that fails: it is to be raised once the model is finished."""
        if self.checkpoint and state.step > self._restored_step:
            try:
                save_run(self.checkpoint, self.trainer, self.tokenizer, state)
            except OSError as error:
                return LastCheckpointError(str(error), state.history)
        return None

    @contextmanager
    def saved_on_error(self, state: TrainState, when: bool = True) -> Iterator[None]:
        """Save what was learned before an error, or Ctrl-C, in what only looks at it ends the run.

        Not what is cut up among processes: gathering it would need the others, and they may go on.
        """
        try:
            yield
        except BaseException:
            if when and not (self.trainer.config.efficiency.shard and world().size > 1):
                self._save_or_warn(state)
            raise

    def _save_or_warn(self, state: TrainState) -> None:
        if not self.checkpoint:
            return
        try:
            save_run(self.checkpoint, self.trainer, self.tokenizer, state)
        except OSError as error:
            said = f"the run goes on, but step {state.step} is not saved: {error}"
            warnings.warn(printable(said, sys.stderr), stacklevel=3)
