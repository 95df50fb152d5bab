"""Processes for tests, forked from a server that has imported what they need: a new Python takes seconds to start."""

import multiprocessing
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from pathlib import Path

import torch.multiprocessing

PRELOAD = ["pytest", "torch._dynamo", "torch.distributed.tensor", "clip_tutor.training"]


def forkserver() -> ForkServerContext:
    """Return the context whose processes are forked from the server."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    return context


def run_together(body: Callable[[int, int, Path], None], world: int, folder: Path) -> None:
    """Call ``body(rank, world, folder)`` in ``world`` processes at once; what fails in one of them fails here."""
    forkserver()
    torch.multiprocessing.start_processes(body, (world, folder), nprocs=world, start_method="forkserver")
