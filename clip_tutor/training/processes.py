"""Many processes, one model: rank and world size, shared decisions, and clear errors when a process is lost.

    torchrun ─▶ process 0 ─ its share of the batch ─┐
            ─▶ process 1 ─ its share of the batch ─┼─ features are exchanged (the loss), gradients averaged ─▶ one step
            ─▶ …                                   ─┘

One process is the special case in which nothing is exchanged: every function here then does nothing.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType
from typing import NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.fsdp import fully_shard
from torch.distributed.rendezvous import rendezvous
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

from clip_tutor.model import CLIP

# Words in which the back ends report that a peer is gone.
_LOST = ("gloo", "nccl", "connection", "socket", "peer", "timed out", "timeout", "process group")


class World(NamedTuple):
    """This process' place among those that train together."""

    rank: int = 0
    size: int = 1


class LostProcessError(RuntimeError):
    """Another process of the run has died or no longer answers."""


def world() -> World:
    """Return this process' place; without a process group, the only one."""
    if dist.is_available() and dist.is_initialized():
        return World(dist.get_rank(), dist.get_world_size())
    return World()


@contextmanager
def init_distributed(device: torch.device, timeout: float) -> Iterator[World]:
    """Join the processes that ``torchrun`` started, and leave them at the end; without torchrun do nothing.

    Args:
        timeout: seconds to wait for the others before they count as lost.
    """
    if "RANK" not in os.environ:
        yield World()
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    # Processes find each other through a store that outlives a restart, with the addresses of the dead still in it:
    # each attempt has names of its own (``test_a_lost_process_ends_the_others_and_torchrun_starts_them_again``).
    waiting = timedelta(seconds=timeout)
    store, rank, size = next(rendezvous("env://", timeout=waiting))
    attempt = PrefixStore(f"attempt {os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", store)
    backend = "nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, store=attempt, rank=rank, world_size=size, timeout=waiting)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _say_and_leave)
    yield world()
    dist.destroy_process_group()  # not after an error: it would wait for those that are gone


def local_device(name: str) -> torch.device:
    """Return the device of this process: of several GPUs on a machine, each process takes its own."""
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if name == "cuda" else torch.device(name)


def _say_and_leave(signum: int, frame: FrameType | None) -> None:
    rank = os.environ.get("RANK", "0")
    print(f"process {rank}: asked to stop, because another process of this run has ended", file=sys.stderr, flush=True)
    sys.exit(128 + signum)


@contextmanager
def translate_peer_errors(step: int) -> Iterator[None]:
    """Turn what the back end raises when a peer is gone into a sentence.

    Raises:
        LostProcessError: an exchange with the other processes failed or took too long.
    """
    try:
        yield
    except RuntimeError as error:
        here = world()
        if here.size == 1 or not any(word in str(error).lower() for word in _LOST):
            raise
        raise LostProcessError(
            f"process {here.rank} of {here.size} stops at step {step}: another process died or does not answer "
            f"({str(error).splitlines()[0][:200]}). Start the run again with the same run folder, or let torchrun do "
            "it (--max-restarts 3): it goes on from the last checkpoint"
        ) from error


@contextmanager
def failing_together() -> Iterator[None]:
    """Let an error in one process end all of them at once, instead of leaving the others to wait for it.

    Raises:
        LostProcessError: another process failed; the message is its own. Whoever failed raises its own error.
    """
    fault: Exception | None = None
    try:
        yield
    except Exception as error:
        fault = error
    faults = all_gather_names([f"{type(fault).__name__}: {fault}"] if fault else [])
    if fault:
        raise fault
    if faults:
        raise LostProcessError(f"another process of this run cannot begin: {faults[0]}")


def wrap_model(model: CLIP, shard: bool) -> nn.Module:
    """Return what is to be called instead of ``model``, so that gradients are averaged over all processes.

    Args:
        shard: keep only a share of each tower's weights, and fetch a block's whole weights when it is its turn
            (FSDP2); otherwise every process keeps them all (DDP).
    """
    here = world()
    if here.size == 1:
        return model
    with torch.no_grad():
        for tensor in model.state_dict().values():  # all begin with the weights of process 0
            dist.broadcast(tensor, src=0)
    device = model.log_logit_scale.device
    if not shard:
        return DistributedDataParallel(model)
    mesh = init_device_mesh(device.type, (here.size,))
    model.to(memory_format=torch.contiguous_format)  # a weight is cut along its first dimension, as it lies in memory
    for tower in (model.image_tower, model.text_tower):
        *earlier, _ = getattr(tower, "blocks", (None,))  # `forward_blocks` reads the last one without calling it
        for block in earlier:
            fully_shard(block, mesh=mesh)
        fully_shard(tower, mesh=mesh)
    return model  # the temperature is a single number: it stays whole, see `all_reduce_unsharded_grads`


def whole(tensor: Tensor) -> Tensor:
    """Return the tensor that may lie cut up among processes; to be called in all of them."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def gathered(model: CLIP) -> CLIP:
    """Return the model for one process alone: a copy if `wrap_model` has cut its weights up, else the model itself.

    To be called in every process.
    """
    if not any(isinstance(tensor, DTensor) for tensor in model.state_dict().values()):
        return model
    alone = CLIP(model.config).to(model.log_logit_scale)  # its device and kind of number
    alone.load_state_dict({name: whole(tensor) for name, tensor in model.state_dict().items()})
    return alone.eval()


def all_reduce_unsharded_grads(model: CLIP) -> None:
    """Average the gradients of the temperature (and bias), which belong to no tower that `wrap_model` has sharded."""
    for parameter in model.parameters(recurse=False):
        if parameter.grad is not None and world().size > 1:
            dist.all_reduce(parameter.grad)
            parameter.grad /= world().size


def any_rank(flag: Tensor) -> bool:
    """Return whether ``flag``, one truth value, is true in any process."""
    number = flag.float()
    if world().size > 1:
        dist.all_reduce(number, dist.ReduceOp.MAX)
    return bool(number)


def all_gather_names(names: list[str]) -> list[str]:
    """Return the names that all processes bring, in the order of their ranks."""
    here = world()
    if here.size == 1:
        return names
    said: list[list[str]] = [[] for _ in range(here.size)]
    dist.all_gather_object(said, names)
    return [name for one in said for name in one]


def sync_clock_and_stop(seconds: float, stop: bool, device: torch.device) -> tuple[float, bool]:
    """Return the clock of process 0, and whether any process wants to stop: all must do the same step."""
    here = world()
    if here.size == 1:
        return seconds, stop
    said = torch.tensor([seconds if here.rank == 0 else 0.0, float(stop)], dtype=torch.float64, device=device)
    dist.all_reduce(said, dist.ReduceOp.MAX)
    return said[0].item(), bool(said[1])
