"""Two processes learn what one would; when one is lost, the others say so, stop, and start again.

Only what starts again needs ``torchrun`` itself. The other processes are forked, with the variables that it would set:
to import torch three times takes longer than all these trainings.
"""

import socket
import subprocess
import sys
import time

import pytest
import torch

from tests.forking import forkserver
from tests.training import program

pytestmark = [pytest.mark.slow, pytest.mark.posix]


def with_torchrun(*arguments, restarts):
    """Run two processes as a learner would."""
    torchrun = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--max-restarts", str(restarts)]
    torchrun += ["--master-port", "0", "--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0"]
    command = [sys.executable, *torchrun, program.__file__, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def forked(*arguments, processes, timeout=300):
    """Run the same in forked processes, kill those that outlast the first, and return its exit status and all words."""
    context = forkserver()
    lines, theirs = context.Pipe(duplex=False)
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    places = [(rank, processes, port, theirs, arguments) for rank in range(processes)]
    running = [context.Process(target=program.take_part, args=place) for place in places]
    for process in running:
        process.start()
    theirs.close()
    running[0].join(timeout)
    for process in running:
        process.join(0 if running[0].exitcode else timeout)
        process.kill()
        process.join()
    with open(lines.fileno(), closefd=False) as said:
        return running[0].exitcode, said.read()


def assert_same_run(ours, theirs, tolerance):
    torch.testing.assert_close(ours["losses"], theirs["losses"], atol=tolerance, rtol=0)
    for name, tensor in theirs["weights"].items():
        torch.testing.assert_close(ours["weights"][name], tensor, atol=tolerance, rtol=tolerance, msg=name)


# What comes to a good end: all these runs of two processes share one process group, those of one a process.
PLAIN = ("plain", "batch_size=64", "steps=12")
STEM = ("stem", "batch_size=32", "steps=8", "double=1")
ALONE = {"whole": PLAIN, "batch norm": STEM, "batch norm, sigmoid": (*STEM, "loss=sigmoid")}
TOGETHER = ALONE | {
    "shard": (*PLAIN, "shard=True"),
    "micro_batch": (*PLAIN, "micro_batch=8"),
    "nonfinite_rows": ("run", "spoil=1", "steps=6"),
    "unbroken": ("run", "steps=12"),
}


def trained(folder, cases, processes):
    """Return what is printed, and for each case its folder and what is left there: weights, losses and steps."""
    arguments = []
    for name, (what, *changes) in cases.items():
        (folder / name).mkdir()
        arguments += ["then", what, str(folder / name), *changes]
    status, said = forked(*arguments[1:], processes=processes)
    assert status == 0, said[-3000:]
    return said, {name: (folder / name, torch.load(folder / name / "final.pt")) for name in cases}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What one process gets."""
    return trained(tmp_path_factory.mktemp("alone"), ALONE, processes=1)[1]


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """What two get, with half a batch each."""
    return trained(tmp_path_factory.mktemp("together"), TOGETHER, processes=2)


@pytest.mark.parametrize("case", ["whole", "shard", "micro_batch"])
def test_two_processes_of_32_are_one_of_64(alone, together, case):
    assert_same_run(together[1][case][1], alone["whole"][1], 1e-5)


@pytest.mark.parametrize("case", ["batch norm", "batch norm, sigmoid"])
def test_batch_norm_sees_the_whole_batch(alone, together, case):
    """In double precision: in single, two runs of one process with other threads differ more than that."""
    assert_same_run(together[1][case][1], alone[case][1], 1e-9)


def test_a_spoiled_batch_of_one_process_is_skipped_by_all(together):
    printed, cases = together
    folder, left = cases["nonfinite_rows"]
    assert left["steps"] == [1, 2, 4, 5, 6]
    # Batch 2 holds scenes 64 to 95, and the second process has its second half.
    assert "step 3: skipped, its numbers are not finite; suspect: train scene 80" in printed
    assert "3,step gave NaN or infinity,train scene 80" in (folder / "skipped.csv").read_text("utf-8")
    assert all(tensor.isfinite().all() for tensor in left["weights"].values())


def test_a_lost_process_ends_the_others_and_torchrun_starts_them_again(together, tmp_path):
    broken = with_torchrun("run", str(tmp_path), "lose=kill", "steps=12", restarts=1)
    assert broken.returncode == 0, broken.stderr[-3000:]
    assert "another process" in broken.stderr
    steps = [int(line.split()[1]) for line in broken.stdout.splitlines() if line.startswith("step")]
    assert steps == [*range(1, 8), *range(7, 13)], "from the checkpoint of step 6"
    assert_same_run(torch.load(tmp_path / "final.pt"), together[1]["unbroken"][1], 0)


def test_a_process_that_hangs_is_given_up_in_bounded_time(tmp_path):
    began = time.perf_counter()
    status, said = forked("plain", str(tmp_path), "lose=stop", "timeout=12", processes=2)
    assert status == 1
    assert "process 0 of 2 stops at step 7: another process died or does not answer" in said
    assert "--max-restarts" in said
    assert time.perf_counter() - began < 120
