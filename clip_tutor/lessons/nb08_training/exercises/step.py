"""Exercise 08.4: one step of training."""

import math
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F

from clip_tutor.images import normalize
from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, same
from clip_tutor.lessons.nb08_training.exercises.model import MyCLIP
from clip_tutor.lessons.nb08_training.exercises.parts import flat, small_batch, small_encoders
from clip_tutor.losses import contrastive_loss


def train_step(
    model: MyCLIP, optimizer: torch.optim.Optimizer, pixels: torch.Tensor, ids: torch.Tensor, lr: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Learn from one batch, and return its loss and the logit scale it was measured with, without their graphs.

    pixels (B, 3, H, W) are bytes, ids (B, T); lr is the learning rate of this step.
    The norm of the gradient is clipped to 1. After the step the logit scale is held between 1 and 100.
    """
    for group in optimizer.param_groups:
        group["lr"] = lr
    image_features, text_features, logit_scale = model(normalize(pixels), ids)
    loss = contrastive_loss(image_features, text_features, logit_scale)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    with torch.no_grad():
        model.log_logit_scale.clamp_(0, math.log(100))
    return loss.detach(), logit_scale.detach()


# Seed, logit scale at the start, learning rate, steps. Only the last gradient has a norm below 1.
_CASES = ((0, 1 / 0.07, 0.1, 1), (0, 1 / 0.07, 0.1, 2), (1, 150.0, 1e-3, 1), (2, 0.3, 0.01, 1))


def _use_step(step: Any, seed: int, logit_scale: float, lr: float, steps: int) -> tuple[Any, ...]:
    """Take steps with a small model, and return what they said and what became of the weights.

    The optimizer is plain gradient descent, so that a weight shows what was done with its gradient.
    """
    model = MyCLIP(*small_encoders(seed), logit_scale)
    optimizer = torch.optim.SGD(model.parameters(), lr=1000.0)
    before = torch.cat([flat(model.image_tower), flat(model.text_tower)])
    told = [step(model, optimizer, *small_batch(seed + k), lr) for k in range(steps)]
    holds_graph = any(getattr(value, "requires_grad", False) for pair in told for value in pair)
    losses, scales = (
        torch.tensor([float(torch.as_tensor(value).detach()) for value in column]) for column in zip(*told, strict=True)
    )
    moved = (torch.cat([flat(model.image_tower), flat(model.text_tower)]) - before).norm() / lr
    text_moved = bool((flat(model.text_tower) != flat(small_encoders(seed)[1])).any())
    log_scale = float(model.log_logit_scale.detach())
    left = [parameter.grad.norm() for parameter in model.parameters() if parameter.grad is not None]
    return (
        losses,
        scales,
        flat(model.image_tower),
        flat(model.text_tower),
        log_scale,
        float(moved),
        text_moved,
        holds_graph,
        float(torch.stack(left).norm()) if left else 0.0,  # tells known mistakes apart, and decides nothing
    )


@cache
def _right() -> list[tuple[Any, ...]]:
    return [_use_step(train_step, *case) for case in _CASES]


def _check_step(step: Attempt) -> str:
    told, right = [step(*case) for case in _CASES], _right()
    (losses, scales, _, _, _, moved, text_moved, holds_graph, _), first = told[0], right[0]
    demand(
        same(losses, first[0]),
        f"a loss of {losses[0]:.4f} for five pairs",
        f"{first[0][0]:.4f}",
        "the encoder sees normalized bytes, and the loss takes all three: images, captions, logit scale",
    )
    demand(
        same(scales, first[1]),
        f"a logit scale of {scales[0]:.4f} beside that loss",
        f"{first[1][0]:.4f}, with which the loss was measured",
        "keep what the model returned: after the step the parameter is another one",
    )
    demand(
        not holds_graph,
        "a loss or a scale that still holds its graph",
        "numbers without a graph: .detach()",
        "whoever keeps the losses of a run would keep every activation of every step in memory",
    )
    demand(
        moved > 1e-3,
        "no weight has moved",
        "a step",
        "the order is zero_grad, backward, clip, step: zero_grad behind backward wipes the gradient",
    )
    demand(text_moved, "the text encoder has not moved", "a step of both encoders")
    demand(
        same(moved, first[5]),
        f"the weights moved {moved:.4g} times the learning rate of {_CASES[0][2]}",
        f"{first[5]:.4g} times: this gradient is long, and is clipped to a norm of 1",
        "the rate goes into every group before the step, and clipping comes between backward and step",
    )
    demand(
        same(told[0][2:5], first[2:5]), "the weights moved the right way in length, not in direction", "the gradient's"
    )
    short, right_short = told[3][5], right[3][5]
    after, right_after = told[2][4], right[2][4]
    demand(
        same(told[2][0], right[2][0]) and same(told[2][1], right[2][1]),
        f"a loss of {told[2][0][0]:.4f} at a logit scale of {told[2][1][0]:.4g}, where the model's is 150",
        f"{right[2][0][0]:.4f} at 150: it is clamped after the step, and no sooner",
        "a clamp on the way to the loss has a gradient of zero beyond 100",
    )
    demand(
        same(after, right_after),
        f"a logit scale of {math.exp(min(after, 99)):.4g} after the step",
        f"{math.exp(right_after):.4g}, the most that is allowed",
        "clamp the parameter after the step; it holds a logarithm, so its bounds are 0 and ln 100",
    )
    demand(
        same(told[3][4], right[3][4]),
        f"a logit scale of {math.exp(told[3][4]):.4g} after a step that began at 0.3",
        f"{math.exp(right[3][4]):.4g}, the least that is allowed",
    )
    demand(same(short, right_short), f"a step of {short:.4g} for a short gradient", f"{right_short:.4g}: left as it is")
    demand(
        all(map(same, told[1][:5], right[1][:5])),
        "after two steps the weights are others than two gradients make them",
        "each step moves by its own batch's gradient alone",
        "backward adds to the gradients that are there: zero_grad clears them, once a step",
    )
    return (
        "loss and scale, the order of the five calls, the clipped norm, both bounds after the step, two steps in a row"
    )


_BOUNDS = (0.0, math.log(100))


def _step(  # type: ignore[no-untyped-def]
    see=normalize,
    measure=contrastive_loss,
    order=("zero_grad", "backward", "clip", "step", "clamp"),
    clip=lambda parameters: torch.nn.utils.clip_grad_norm_(parameters, 1.0),
    bounds=_BOUNDS,
    rate=True,
    tell=lambda loss, scale, model: (loss.detach(), scale.detach()),
):
    """Return a training step that differs from the right one in what is given."""

    def step(model, optimizer, pixels, ids, lr):  # type: ignore[no-untyped-def]
        for group in optimizer.param_groups:
            group["lr"] = lr if rate else group["lr"]
        images, texts, scale = model(see(pixels), ids)
        loss = measure(images, texts, scale)
        calls = {
            "zero_grad": optimizer.zero_grad,
            "backward": loss.backward,
            "clip": lambda: clip([p for p in model.parameters() if p.grad is not None]),
            "step": optimizer.step,
            "clamp": lambda: model.log_logit_scale.data.clamp_(*bounds),
        }
        for name in order:
            calls[name]()
        return tell(loss, scale, model)

    return step


def _always_one(parameters):  # type: ignore[no-untyped-def]
    norm = torch.nn.utils.get_total_norm([p.grad for p in parameters])
    for p in parameters:
        p.grad /= norm


STEP = Exercise(
    id="08.4",
    title="One step",
    difficulty=2,
    minutes=12,
    reference=train_step,
    check=_check_step,
    hints=(
        "Say the order aloud: what must be there before a gradient can be clipped, and what before weights can move?",
        "Learning rate into the groups; forward; loss; zero_grad; backward; clip; step; clamp the parameter.",
        "`torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)`, and at the end, below `with torch.no_grad():`, "
        "`model.log_logit_scale.clamp_(low, high)` with the logarithms of 1 and 100.",
    ),
    mutants=(
        Mutant(
            _step(
                measure=lambda i, t, s: contrastive_loss(i, t, s.clamp(max=100)),
                order=("zero_grad", "backward", "clip", "step"),
            ),
            "the scale is clamped on the way to the loss: beyond 100 its gradient is zero, and it never comes back",
        ),
        Mutant(_step(order=("zero_grad", "backward", "clip", "step")), "the logit scale is never clamped"),
        Mutant(
            _step(order=("clamp", "zero_grad", "backward", "clip", "step")),
            "clamped before the step: the step itself may carry the scale out of its bounds again",
        ),
        Mutant(
            _step(bounds=(0.0, 100.0)), "clamped to 100 itself: the parameter is a logarithm, so its bound is ln 100"
        ),
        Mutant(_step(bounds=(None, math.log(100))), "clamped from above only: the scale is to stay at 1 or more, too"),
        Mutant(
            _step(order=("backward", "zero_grad", "clip", "step", "clamp")),
            "zero_grad after backward: it wipes the gradient that was just computed, and no weight moves",
        ),
        Mutant(
            _step(order=("zero_grad", "step", "backward", "clip", "clamp")),
            "step before backward: it moves by the gradient of the batch before, or by none",
        ),
        Mutant(
            _step(order=("backward", "clip", "step", "clamp")),
            "no zero_grad: backward adds to what is there, so each step moves by all batches so far",
        ),
        Mutant(
            _step(measure=lambda i, t, s: contrastive_loss(i, t, s.detach() * 0 + 1)),
            "the loss was computed without the logit scale",
        ),
        Mutant(
            _step(measure=lambda i, t, s: contrastive_loss(i, t, s.detach())),
            "the scale was detached: the temperature never learns",
        ),
        Mutant(
            _step(measure=lambda i, t, s: contrastive_loss(i, t.detach(), s)),
            "detach() cuts one encoder off: its gradient is missing, and it stays random",
        ),
        Mutant(
            _step(measure=lambda i, t, s: F.cross_entropy(s * i @ t.T, torch.arange(len(i)))),
            "only images look for captions: the loss has two directions",
        ),
        Mutant(
            _step(order=("zero_grad", "backward", "step", "clamp")),
            "the gradient is not clipped: one odd batch can throw a small model far off",
        ),
        Mutant(
            _step(order=("zero_grad", "backward", "step", "clip", "clamp")),
            "clipped after the step: by then the weights have moved",
        ),
        Mutant(
            _step(clip=lambda parameters: torch.nn.utils.clip_grad_value_(parameters, 1.0)),
            "each number was clipped by itself, which turns the gradient: clip_grad_norm_ shortens the whole of it",
        ),
        Mutant(
            _step(clip=_always_one),
            "every gradient was given a norm of 1: clipping shortens long ones and leaves short ones as they are",
        ),
        Mutant(_step(rate=False), "lr is not used: write it into every group of optimizer.param_groups"),
        Mutant(
            _step(see=lambda pixels: pixels.float()),
            "the encoder got bytes, from 0 to 255: it expects normalize(pixels)",
        ),
        Mutant(
            _step(tell=lambda loss, scale, model: (loss, scale)),
            "loss and scale hold their graphs: whoever keeps them keeps every activation in memory. Detach them",
        ),
        Mutant(
            _step(tell=lambda loss, scale, model: (loss.detach(), model.log_logit_scale.detach().exp())),
            "the scale was read after the step: return the one that the loss was measured with",
        ),
    ),
    kept=True,
    use=_use_step,
)
