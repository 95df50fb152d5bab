"""Two processes learn what one would; when one is lost, the others say so, stop, and start again."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

PROGRAM = Path(__file__).with_name("program.py")
pytestmark = pytest.mark.slow


def run(folder, what, *changes, processes=1, restarts=0, timeout=300):
    folder.mkdir(exist_ok=True)
    torchrun = ["-m", "torch.distributed.run", "--nproc-per-node", str(processes), "--max-restarts", str(restarts)]
    torchrun += ["--master-port", "0", "--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0"]
    command = [sys.executable, *(torchrun if processes > 1 else []), str(PROGRAM), what, str(folder), *changes]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd=PROGRAM.parents[2])


def trained(folder, what, *changes, processes=1):
    """Return the final weights and the losses of a run."""
    done = run(folder, what, *changes, processes=processes)
    assert done.returncode == 0, done.stderr[-3000:]
    return torch.load(folder / "final.pt")


def assert_same_run(ours, theirs, tolerance):
    torch.testing.assert_close(ours["losses"], theirs["losses"], atol=tolerance, rtol=0)
    for name, tensor in theirs["weights"].items():
        torch.testing.assert_close(ours["weights"][name], tensor, atol=tolerance, rtol=tolerance, msg=name)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """One process, batches of 256."""
    return trained(tmp_path_factory.mktemp("alone"), "plain", "batch_size=256")


@pytest.mark.parametrize("changes", [(), ("shard=True",), ("micro_batch=32",)], ids=str)
def test_two_processes_of_128_are_one_of_256(alone, tmp_path, changes):
    assert_same_run(trained(tmp_path, "plain", "batch_size=256", *changes, processes=2), alone, 1e-5)


@pytest.mark.parametrize("changes", [(), ("loss=sigmoid",)], ids=str)
def test_batch_norm_sees_the_whole_batch(tmp_path, changes):
    """In double precision: in single, two runs of one process with other threads differ more than that."""
    settings = ("batch_size=64", "steps=8", "double=1", *changes)
    one = trained(tmp_path / "one", "stem", *settings)
    assert_same_run(trained(tmp_path / "two", "stem", *settings, processes=2), one, 1e-9)


def test_a_spoiled_batch_of_one_process_is_skipped_by_all(tmp_path):
    done = run(tmp_path, "run", "spoil=1", "steps=6", processes=2)
    assert done.returncode == 0, done.stderr[-3000:]
    steps = [int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("step") and ":" not in line]
    assert steps == [1, 2, 4, 5, 6]
    # Batch 2 holds scenes 64 to 95, and the second process has its second half.
    assert "step 3: skipped, its numbers are not finite; suspect: train scene 80" in done.stdout
    assert "3,step gave NaN or infinity,train scene 80" in (tmp_path / "skipped.csv").read_text("utf-8")
    weights = torch.load(tmp_path / "final.pt")["weights"]
    assert all(tensor.isfinite().all() for tensor in weights.values())


def test_a_lost_process_ends_the_others_and_torchrun_starts_them_again(tmp_path):
    unbroken = trained(tmp_path / "unbroken", "run", processes=2)
    broken = run(tmp_path / "broken", "run", "lose=kill", processes=2, restarts=1)
    assert broken.returncode == 0, broken.stderr[-3000:]
    assert "another process" in broken.stderr
    steps = [int(line.split()[1]) for line in broken.stdout.splitlines() if line.startswith("step")]
    assert steps == [*range(1, 8), *range(7, 21)], "from the checkpoint of step 6"
    assert_same_run(torch.load(tmp_path / "broken" / "final.pt"), unbroken, 0)


def test_a_process_that_hangs_is_given_up_in_bounded_time(tmp_path):
    began = time.perf_counter()
    hanging = run(tmp_path, "plain", "lose=stop", "patience=20", processes=2)
    assert hanging.returncode != 0
    assert "process 0 of 2 stops at step 7: another process died or does not answer" in hanging.stderr
    assert "--max-restarts" in hanging.stderr
    assert time.perf_counter() - began < 120
