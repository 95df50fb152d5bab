"""What a run leaves out: images that do not decode, and steps whose numbers are not finite."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

from tqdm.auto import tqdm

from clip_tutor.data.batches import TrainBatch
from clip_tutor.printable import listed, printable
from clip_tutor.training.config import TrainState
from clip_tutor.training.log import RunLog
from clip_tutor.training.processes import all_gather_names, world
from clip_tutor.training.step import Step

MOST_SKIPPED = 10  # steps in a row without one sound number: then it is the model that is broken, not the data
NAMED = 20  # skipped samples, the most that a message names


class BrokenModelError(ArithmeticError):
    """No batch gives finite numbers any more."""


class SkipCounter:
    """Counts and reports what is left out, and ends a run in which nothing else happens.

    A step whose gradients overflowed float16 is counted apart, for it says nothing of the batch or the model: the
    loss scale, which starts high, is on its way to one that fits.

    Args:
        checkpoint: of the run, if it has one, for the error.
    """

    def __init__(self, state: TrainState, log: RunLog, checkpoint: Path | None) -> None:
        self.state, self.log, self.checkpoint = state, log, checkpoint
        self._in_a_row = 0

    def count(self, step: Step, batch: TrainBatch) -> None:
        """Note what the last step left out.

        Raises:
            BrokenModelError: ten steps in a row were not finite.
        """
        state = self.state
        if batch.skipped:
            state.skipped_images += len(batch.skipped)
            self.log.skip(state.step, "image does not decode", batch.skipped)
            _say(f"step {state.step}: left out {listed(batch.skipped, NAMED)}")
        if step.overflow:
            state.overflow_steps += 1
            if world().rank == 0:
                _say(f"step {state.step}: skipped, its gradients overflow float16; the loss scale is halved")
        elif step.nonfinite_rows is None:
            self._in_a_row = 0
        else:
            state.skipped_steps += 1
            self._in_a_row += 1
            names = all_gather_names([batch.names[row] for row in step.nonfinite_rows])
            self.log.skip(state.step, "step gave NaN or infinity", names)
            if world().rank == 0:
                _say(f"step {state.step}: skipped, its numbers are not finite; suspect: {listed(names, NAMED)}")
        if self._in_a_row == MOST_SKIPPED:
            way_back = (
                f"the last good weights are in {self.checkpoint}"
                if self.checkpoint
                else "start again, with a run folder"
            )
            raise BrokenModelError(
                f"the last {MOST_SKIPPED} steps, up to step {state.step}, gave NaN or infinity, so the model is broken "
                f"and not a batch: take a smaller learning_rate or longer warmup_steps; {way_back}"
            )


def _say(text: str) -> None:
    """Write a line above the progress bar; a console that is closed, or whose file has no room, goes without."""
    with suppress(OSError, ValueError):
        tqdm.write(printable(text, sys.stdout))
