"""Random numbers of a step, so that a run which continues draws what it would have drawn."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from clip_tutor.training.processes import world


@contextmanager
def step_rng(seed: int, step: int, device: torch.device) -> Iterator[None]:
    """Let what a step draws at random, as ConvNeXt's dropped paths, depend on the step and the process alone.

    Outside, torch's random numbers go on as if nothing had been drawn: ``test_dropped_paths_survive_a_restart``.
    """
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed((seed * 1_000_003 + step) * 4_099 + world().rank)
        yield
