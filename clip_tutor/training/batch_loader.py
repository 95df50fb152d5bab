"""The batches of one process, prepared ahead of time by workers if there are any, and what it means when one dies."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.utils.data import DataLoader

from clip_tutor.data.batches import BatchSource, TrainBatch
from clip_tutor.tokenizers import Tokenizer
from clip_tutor.training.config import TrainConfig, TrainState
from clip_tutor.training.interrupts import ignore_interrupts
from clip_tutor.training.processes import world


class BatchLoader:
    """The batches of this process, and how long it had to wait for them.

    Args:
        start: the first batch, for a run that continues.
        device: where the batches will go.
    """

    def __init__(
        self, source: BatchSource, tokenizer: Tokenizer, config: TrainConfig, start: int, device: torch.device
    ) -> None:
        here = world()
        stream = source.stream(tokenizer, config.batch_size, start, here.rank, here.size)
        self.waited = 0.0  # seconds
        self._loader = iter(
            DataLoader(
                stream,
                batch_size=None,
                num_workers=config.workers,
                pin_memory=device.type == "cuda",
                worker_init_fn=ignore_interrupts,
            )
        )

    def next(self) -> TrainBatch:
        """Return the next batch."""
        began = time.perf_counter()
        batch = next(self._loader)
        self.waited += time.perf_counter() - began
        return batch


@contextmanager
def report_dead_workers(state: TrainState, workers: int) -> Iterator[None]:
    """Say what it means when a process that prepares batches dies.

    torch reports it by a signal, wherever the loop happens to be; a pipe that breaks may be noticed first.

    Raises:
        RuntimeError: one died.
    """
    try:
        yield
    except (RuntimeError, ConnectionResetError, BrokenPipeError, EOFError) as error:
        broken_pipe = workers > 0 and not isinstance(error, RuntimeError)
        if not broken_pipe and not str(error).startswith("DataLoader worker"):
            raise
        raise RuntimeError(
            f"a process that prepares batches died at step {state.step} ({str(error).strip()}): most often "
            "the machine ran out of memory. Take fewer workers or a smaller batch; with a run folder, the run goes "
            "on from its last checkpoint"
        ) from error
