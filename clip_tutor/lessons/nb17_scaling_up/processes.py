"""Run a script in several processes at once, from a notebook: all end well, or all end, with the reason.

    notebook ─▶ python script.py   RANK=0 ─┐
             ─▶ python script.py   RANK=1 ─┼─ meet in a file, talk to each other, write what they found ─▶ notebook
             ─▶ …                         ─┘

It does for a cell what ``torchrun`` does for a shell. A file to meet in needs no free port and no network.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def run_together(script: str, folder: str | Path, processes: int = 2, timeout: float = 120.0) -> str:
    """Run a Python script in ``processes`` processes, in ``folder``, and return what process 0 printed.

    Each has its number in RANK, their count in WORLD_SIZE and a fresh file to meet in, as an address for
    ``init_process_group``, in MEETING.

    Raises:
        RuntimeError: a process failed, or they took longer than ``timeout`` seconds; all are ended first, and the
            message holds the last lines of the one that failed.
    """
    folder = Path(folder)
    path = folder / "script.py"
    path.write_text(script, encoding="utf-8")
    with tempfile.TemporaryDirectory() as meeting:
        shared = {**os.environ, "WORLD_SIZE": str(processes), "OMP_NUM_THREADS": "1"}
        shared |= {"MEETING": (Path(meeting) / "here").as_uri()}
        if sys.platform == "linux":
            shared.setdefault("GLOO_SOCKET_IFNAME", "lo")  # a machine may not know itself by name
        outputs = [(folder / f"said_{rank}.txt").open("w+", encoding="utf-8") for rank in range(processes)]
        running = [
            subprocess.Popen(
                [sys.executable, str(path)],
                cwd=folder,
                env={**shared, "RANK": str(rank)},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            for rank, output in enumerate(outputs)
        ]
        try:
            _wait(running, timeout)
        finally:
            for process in running:
                if process.poll() is None:
                    process.kill()
                process.wait()
            for output in outputs:
                output.close()
    return (folder / "said_0.txt").read_text(encoding="utf-8")


def _wait(running: list[subprocess.Popen[bytes]], timeout: float) -> None:
    end = time.monotonic() + timeout
    while any(process.poll() is None for process in running):
        failed = [rank for rank, process in enumerate(running) if process.poll() not in (None, 0)]
        if failed or time.monotonic() > end:
            break
        time.sleep(0.05)
    for rank, process in enumerate(running):
        if process.poll() not in (None, 0):
            said = Path(str(process.args[1])).with_name(f"said_{rank}.txt").read_text(encoding="utf-8")  # type: ignore[index]
            last = "\n".join(said.strip().splitlines()[-8:])
            raise RuntimeError(f"process {rank} of {len(running)} failed, and the others were ended. It said:\n{last}")
    if any(process.poll() is None for process in running):
        raise RuntimeError(
            f"{len(running)} processes did not end within {timeout:.0f} seconds and were ended: a process waits for "
            "ever if another one never calls the same exchange"
        )
