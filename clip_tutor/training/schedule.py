"""How fast to learn when, and the optimizer that does it.

rate  peak ┤  ╭─╮
           │ ╱    ╲            a short warm-up while AdamW's averages are still guesses,
           │╱       ╲          then half a cosine down to nothing
         0 ┼──────────╰──▶ step
"""

import math

import torch
from torch import nn

from clip_tutor.training.groups import parameter_groups


def warmup_cosine(step: int, total_steps: int, warmup_steps: int, peak: float) -> float:
    """Return the learning rate of one step, counted from 0: linear up to the peak, then half a cosine to 0.

    The first step already learns (rate ``peak / warmup_steps``), and step ``total_steps`` would be at 0.

    Source: Radford et al. 2021, section 2.5; Loshchilov and Hutter 2017 for the cosine.
    """
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    state = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return peak * (1 + math.cos(math.pi * min(1.0, state))) / 2


def make_optimizer(model: nn.Module, weight_decay: float, layer_decay: float = 1.0) -> torch.optim.AdamW:
    """Return AdamW with the betas and epsilon that CLIP's Vision Transformers were trained with.

    A step's learning rate goes into each group times the group's ``scale``: see `parameter_groups`.
    """
    return torch.optim.AdamW(
        parameter_groups(model, weight_decay, layer_decay), betas=(0.9, 0.98), eps=1e-6, fused=True
    )
