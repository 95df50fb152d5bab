"""How fast to learn when, and which parameters to hold back.

rate  peak ┤  ╭─╮
           │ ╱    ╲            a short warm-up while AdamW's averages are still guesses,
           │╱       ╲          then half a cosine down to nothing
         0 ┼──────────╰──▶ step
"""

import math

import torch
from torch import nn


def warmup_cosine(step: int, total_steps: int, warmup_steps: int, peak: float) -> float:
    """Return the learning rate of one step, counted from 0: linear up to the peak, then half a cosine to 0.

    The first step already learns (rate ``peak / warmup_steps``), and step ``total_steps`` would be at 0.

    Source: Radford et al. 2021, section 2.5; Loshchilov and Hutter 2017 for the cosine.
    """
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    progress = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return peak * (1 + math.cos(math.pi * min(1.0, progress))) / 2


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """Return AdamW's two groups: matrices, which decay, and gains, biases and temperature, which do not.

    Pulling a LayerNorm's gain or the temperature toward zero does not simplify a model, it only bends it:
    ``test_only_matrices_decay``. Source: Radford et al. 2021, section 2.5.
    """
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    others = [p for p in model.parameters() if p.ndim < 2]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def make_optimizer(model: nn.Module, weight_decay: float) -> torch.optim.AdamW:
    """Return AdamW with the betas and epsilon that CLIP's Vision Transformers were trained with."""
    return torch.optim.AdamW(parameter_groups(model, weight_decay), betas=(0.9, 0.98), eps=1e-6, fused=True)
