"""Exercise 08.6: the training loop."""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import torch

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, same
from clip_tutor.lessons.nb08_training.exercises.model import MyCLIP
from clip_tutor.lessons.nb08_training.exercises.optimizer import parameter_groups, warmup_cosine
from clip_tutor.lessons.nb08_training.exercises.parts import flat, small_batch, small_encoders
from clip_tutor.lessons.nb08_training.exercises.step import train_step


def train(
    model: MyCLIP,
    batches: Iterable[tuple[torch.Tensor, ...]],
    learning_rate: float,
    steps: int,
    warmup_steps: int = 50,
    weight_decay: float = 0.1,
    on_step: Callable[[int, float, float], None] = print,
) -> None:
    """Train a MyCLIP in place, in training mode, and leave it in evaluation mode.

    Each batch begins with pixels (B, 3, H, W) and ids (B, T); they go to where the model's weights lie.
    The optimizer is AdamW on your parameter_groups, with betas of (0.9, 0.98) and an eps of 1e-6.
    After each step on_step gets the number of steps taken so far, the loss, and the logit scale that goes with it.
    """
    device = model.log_logit_scale.device
    optimizer = torch.optim.AdamW(parameter_groups(model, weight_decay), betas=(0.9, 0.98), eps=1e-6)
    model.train()
    for step, (pixels, ids, *_) in zip(range(steps), batches, strict=False):
        lr = warmup_cosine(step, steps, warmup_steps, learning_rate)
        loss, logit_scale = train_step(model, optimizer, pixels.to(device), ids.to(device), lr)
        on_step(step + 1, loss.item(), logit_scale.item())
    model.eval()


def _use_train(function: Any, seed: int, steps: int, warmup_steps: int, weight_decay: float) -> tuple[Any, ...]:
    """Train a small model, and return what was told, its weights, and in which mode it was."""
    encoders = small_encoders(seed)
    model = MyCLIP(*encoders).eval()
    batches = ((*small_batch(seed + k), "names") for k in range(1000))
    told: list[tuple[float, ...]] = []
    function(model, batches, 0.05, steps, warmup_steps, weight_decay, lambda *values: told.append(values))
    numbers, losses, scales = zip(*told, strict=True) if told else ((), (), ())
    modes = encoders[0].modes
    return tuple(numbers), torch.tensor(losses), torch.tensor(scales), flat(model), all(modes), model.training


# Seed, steps, steps of warm-up, weight decay.
_CASES = ((0, 3, 2, 0.0), (1, 6, 2, 0.0), (2, 6, 3, 5.0))


@cache
def _right() -> list[tuple[Any, ...]]:
    return [_use_train(train, *case) for case in _CASES]


def _check_train(loop: Attempt) -> str:
    told = [loop(*case) for case in _CASES]
    for (numbers, losses, scales, weights, trained, training), (wanted, *best), (_, steps, *_) in zip(
        told, _right(), _CASES, strict=True
    ):
        demand(
            numbers == wanted,
            f"on_step was called with steps {', '.join(map(str, numbers)) or 'none'}",
            f"1 to {steps}",
            "the number of steps that were taken: 1 after the first",
        )
        demand(
            trained,
            "a model that trained in evaluation mode",
            "model.train() before the first step",
            "dropout and BatchNorm do different things in the two modes",
        )
        demand(not training, "a model that is still in training mode", "model.eval() at the end")
        off = next((k for k in range(steps) if not same(losses[k], best[0][k])), None)
        demand(
            off is None,
            f"losses {', '.join(f'{loss:.4f}' for loss in losses)}",
            ", ".join(f"{loss:.4f}" for loss in best[0]),
            f"step {off}, counted from 0, is the first that differs: a new batch each time, and its own learning rate",
        )
        demand(same(scales, best[1]), "other logit scales than those of the steps", "what train_step returned")
        demand(same(weights, best[2]), "other weights in the end", "those of AdamW on your two groups")
    return "steps, losses and scales of three short runs, the weights in the end, and the model's two modes"


def _loop(  # type: ignore[no-untyped-def]
    rate=warmup_cosine,
    make=lambda model, decay: torch.optim.AdamW(parameter_groups(model, decay), betas=(0.9, 0.98), eps=1e-6),
    one_optimizer=True,
    one_batch=False,
    before=lambda model: model.train(),
    after=lambda model: model.eval(),
    first=1,
):
    """Return a training loop that differs from the right one in what is given."""

    def loop(model, batches, learning_rate, steps, warmup_steps=50, weight_decay=0.1, on_step=print):  # type: ignore[no-untyped-def]
        optimizer, batches = make(model, weight_decay), iter(batches)
        before(model)
        batch = next(batches)
        for step in range(steps):
            batch = batch if one_batch or not step else next(batches)
            optimizer = optimizer if one_optimizer else make(model, weight_decay)
            loss, scale = train_step(
                model, optimizer, batch[0], batch[1], rate(step, steps, warmup_steps, learning_rate)
            )
            on_step(step + first, loss.item(), scale.item())
        after(model)
        return

    return loop


LOOP = Exercise(
    id="08.6",
    title="The training loop",
    difficulty=2,
    minutes=10,
    reference=train,
    check=_check_train,
    hints=(
        "What is made once, before the first step, and what anew for each step?",
        "Once: the optimizer, and `model.train()`. In the loop: a batch, its learning rate, `train_step`, `on_step`. "
        "In the end: `model.eval()`.",
        "`for step, (pixels, ids, *_) in zip(range(steps), batches)` counts and draws at the same time.",
    ),
    mutants=(
        Mutant(_loop(rate=lambda step, total, warmup, peak: peak), "the rate stands at its peak: ask warmup_cosine"),
        Mutant(
            _loop(rate=lambda step, total, warmup, peak: warmup_cosine(step + 1, total, warmup, peak)),
            "the schedule is one step ahead: it counts steps from 0",
        ),
        Mutant(_loop(one_batch=True), "every step learned from the first batch: draw the next one inside the loop"),
        Mutant(
            _loop(one_optimizer=False),
            "a new AdamW in every step has forgotten its averages: make it once, before the loop",
        ),
        Mutant(
            _loop(make=lambda model, decay: torch.optim.AdamW(parameter_groups(model, decay))),
            "AdamW's own betas and eps: CLIP's are (0.9, 0.98) and 1e-6",
        ),
        Mutant(
            _loop(
                make=lambda model, decay: torch.optim.AdamW(
                    model.parameters(), betas=(0.9, 0.98), eps=1e-6, weight_decay=decay
                )
            ),
            "gains, biases and the temperature decay: give AdamW your parameter_groups",
        ),
        Mutant(
            _loop(make=lambda model, decay: torch.optim.AdamW(model.parameters(), betas=(0.9, 0.98), eps=1e-6)),
            "AdamW got all parameters, and its own weight decay for them: give it your parameter_groups",
        ),
        Mutant(
            _loop(
                make=lambda model, decay: torch.optim.Adam(parameter_groups(model, decay), betas=(0.9, 0.98), eps=1e-6)
            ),
            "Adam mixes the decay into the gradient, where it is divided away again: AdamW keeps the two apart",
        ),
        Mutant(_loop(before=lambda model: None), "model.train() is missing: the model trained in evaluation mode"),
        Mutant(_loop(after=lambda model: None), "model.eval() is missing at the end"),
        Mutant(_loop(first=0), "on_step gets the number of steps taken, which is 1 after the first"),
    ),
    kept=True,
    use=_use_train,
)
