"""Ctrl-C ends a run after the step at hand; a second one interrupts at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """Set the event at a first Ctrl-C, and let a second one raise KeyboardInterrupt, as usual."""
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # only the main thread may handle signals
        yield interrupted
        return
    usual = signal.getsignal(signal.SIGINT)

    def handle(signum: int, frame: object) -> None:
        interrupted.set()
        signal.signal(signal.SIGINT, usual)

    signal.signal(signal.SIGINT, handle)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, usual)


def ignore_interrupts(worker: int) -> None:
    """Leave Ctrl-C to the main process: a terminal sends it to the processes that prepare batches, too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
