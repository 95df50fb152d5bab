"""Where a benchmark ran, and how it takes turns with a peer."""

import multiprocessing
import platform
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TypeVar

import torch

Result = TypeVar("Result")


def cpu_name() -> str:
    """Return the processor's name where Linux tells it, else its architecture."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def machine(device: str = "cpu") -> str:
    """Return the processor that ``device`` stands for, the number of threads and torch's version."""
    where = cpu_name() if device == "cpu" else torch.cuda.get_device_name()
    return f"{where}, {torch.get_num_threads()} threads, torch {torch.__version__}"


def seconds(work: Callable[[], object], device: str = "cpu") -> float:
    """Return how long ``work`` takes."""
    start = time.perf_counter()
    work()
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def alone(work: Callable[..., Result], *arguments: object) -> Result:
    """Call ``work`` in a fresh process: what others left in memory does not count, and what it leaves is gone."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def from_status(name: str) -> float:
    """Return one of the sizes that Linux keeps of this process, in MiB."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith(name))


def take_turns(
    ours: Callable[[], object], theirs: Callable[[], object], pairs: int, device: str = "cpu"
) -> tuple[float, float, float]:
    """Return our seconds, theirs, and the ratio theirs / ours, each the median over ``pairs`` of neighboring runs.

    What else the machine does then slows both alike; the first run of each is left out.
    """
    for work in (ours, theirs):
        seconds(work, device)
    runs = []
    for n in range(pairs):  # who goes first alternates, too
        if n % 2:
            theirs_took, ours_took = seconds(theirs, device), seconds(ours, device)
        else:
            ours_took, theirs_took = seconds(ours, device), seconds(theirs, device)
        runs.append((ours_took, theirs_took, theirs_took / ours_took))
    return tuple(map(statistics.median, zip(*runs, strict=True)))  # type: ignore[return-value]
