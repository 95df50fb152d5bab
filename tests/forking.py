"""Processes for tests, forked from a server that has imported what they need: a new Python takes seconds to start."""

import multiprocessing
import sys
from collections.abc import Callable
from multiprocessing.context import BaseContext
from pathlib import Path

import torch.multiprocessing

METHOD = "spawn" if sys.platform == "win32" else "forkserver"
PRELOAD = ["pytest", "torch._dynamo", "torch.distributed.tensor", "clip_tutor.training"]


def forkserver() -> BaseContext:
    """Return the context whose processes are forked from the server; on Windows, which forks none, they are spawned."""
    context = multiprocessing.get_context(METHOD)
    if METHOD == "forkserver":
        context.set_forkserver_preload(PRELOAD)
    return context


def run_together(body: Callable[[int, int, Path], None], world: int, folder: Path) -> None:
    """Call ``body(rank, world, folder)`` in ``world`` processes at once; what fails in one of them fails here."""
    forkserver()
    torch.multiprocessing.start_processes(body, (world, folder), nprocs=world, start_method=METHOD)
