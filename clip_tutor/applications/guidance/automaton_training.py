"""Training an automaton from a pool: what it grew yesterday is what it must keep, and repair, today.

    pool of grids ─ a few ─▶ the worst: back to one cell ─▶ some: a hole ─▶ 20 to 32 steps ─▶ loss ─▶ weights
      ▲                                                                          │
      └──────────────────────────────────────────────────────────────────────────┘

Grown from one cell only, it would learn to arrive, but not to stay. From the pool it begins where it ended before, so
that the loss is small only for images that last; with holes, only for images that heal.

Source: Mordvintsev et al. 2020, experiments 2 and 3, with their gradient, brought to length 1 for each tensor.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm.auto import tqdm

from clip_tutor.applications.guidance.automaton import Automaton
from clip_tutor.applications.guidance.automaton_damage import random_damage
from clip_tutor.training.interrupts import interruptible

# From a grid (B, C, H, W) and a generator to (B,), one number for each: how far it is from what is wanted.
Objective = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class AutomatonTraining:
    """How an automaton is trained."""

    iterations: int = 1500
    side: int = 24  # H = W, cells
    pool: int = 64  # grids
    batch_size: int = 4  # B
    damaged: int = 1  # of B: they get a hole
    fewest_steps: int = 20
    most_steps: int = 32
    learning_rate: float = 2e-3
    overflow: float = 1.0  # what numbers outside of [-1, 1] cost
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.damaged < self.batch_size <= self.pool:
            raise ValueError(
                f"damaged={self.damaged}, batch_size={self.batch_size}, pool={self.pool}: each must be no larger than "
                "the next, and one grid of a batch begins from one cell"
            )
        if not 1 <= self.fewest_steps <= self.most_steps:
            raise ValueError(f"{self.fewest_steps} to {self.most_steps} steps: give at least 1, the smaller one first")


def train_automaton(automaton: Automaton, objective: Objective, config: AutomatonTraining) -> list[float]:
    """Train an automaton in place and return the loss of each iteration; Ctrl-C ends it after the one at hand.

    Args:
        objective: what is wanted; see `clip_tutor.applications.guidance.automaton_objectives`.
    """
    generator = torch.Generator().manual_seed(config.seed)
    pool = automaton.initial_grid(config.pool, config.side)  # (pool, C, H, W)
    distance_of = torch.full((config.pool,), torch.inf)  # how far each was from what is wanted when it came back
    optimizer = torch.optim.Adam(automaton.parameters(), lr=config.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.iterations, config.learning_rate / 20)
    losses: list[float] = []
    with interruptible() as interrupted, tqdm(total=config.iterations, unit="iteration") as bar:
        for _ in range(config.iterations):
            if interrupted.is_set():
                break
            chosen = torch.randperm(config.pool, generator=generator)[: config.batch_size]
            chosen = chosen[distance_of[chosen].argsort(descending=True)]  # the worst first
            grid = pool[chosen]  # (B, C, H, W), a copy
            grid[:1] = automaton.initial_grid(1, config.side)
            if config.damaged:  # the best ones: they have the most to lose
                grid[-config.damaged :] = random_damage(grid[-config.damaged :], generator)
            steps = int(torch.randint(config.fewest_steps, config.most_steps + 1, (), generator=generator))
            grid = automaton.run(grid, steps, generator)
            overflow = (grid - grid.clamp(-1, 1)).square().mean()
            distances = objective(grid, generator)  # (B,)
            loss = distances.mean() + config.overflow * overflow
            optimizer.zero_grad()
            loss.backward()
            for parameter in automaton.parameters():
                if parameter.grad is not None:
                    parameter.grad /= parameter.grad.norm() + 1e-8
            optimizer.step()
            schedule.step()
            pool[chosen], distance_of[chosen] = grid.detach(), distances.detach()
            losses.append(loss.item())
            bar.update()
            bar.set_postfix_str(f"loss {losses[-1]:.4f}", refresh=False)
    return losses
