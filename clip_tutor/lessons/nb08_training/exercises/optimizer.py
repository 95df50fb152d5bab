"""Exercises 08.2 and 08.3: which weights decay, and how fast to learn when."""

import math
from typing import Any

import torch

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe

# ---------------------------------------------------------------------------------------------------------------- 08.2


def parameter_groups(model: torch.nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Return two groups for AdamW, each {"params": a list of parameters, "weight_decay": a number}.

    First the parameters of two or more dimensions, which decay: matrices, embeddings, convolutions. Then all others
    with a weight decay of 0: gains, biases, the temperature. Those that ask for no gradient are in neither.
    """
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [parameter for parameter in learned if parameter.ndim >= 2], "weight_decay": weight_decay},
        {"params": [parameter for parameter in learned if parameter.ndim < 2], "weight_decay": 0.0},
    ]


class _Sample(torch.nn.Module):
    """One parameter of each kind that a CLIP has."""

    def __init__(self, frozen: bool) -> None:
        super().__init__()
        self.patch_embed = torch.nn.Conv2d(3, 4, 2)
        self.token_embedding = torch.nn.Embedding(5, 4)
        self.mlp = torch.nn.Linear(4, 4)
        self.ln = torch.nn.LayerNorm(4)
        self.log_logit_scale = torch.nn.Parameter(torch.tensor(2.66))
        self.mlp.requires_grad_(not frozen)


Names = tuple[tuple[str, ...], tuple[str, ...]]


def _use_groups(function: Any, weight_decay: float, frozen: bool) -> Names:
    """Return the names of the parameters that decay by ``weight_decay``, and of those that do not decay."""
    model = _Sample(frozen)
    name_of = {parameter: name for name, parameter in model.named_parameters()}
    told = function(model, weight_decay)
    if not all(isinstance(group["params"], list) for group in told):
        raise TypeError("the params of a group are no list: a generator is empty after it was read once")
    groups = [(float(group["weight_decay"]), name_of[p]) for group in told for p in group["params"]]
    return tuple(tuple(sorted(name for decay, name in groups if decay == d)) for d in (weight_decay, 0.0))  # type: ignore[return-value]


def _check_groups(names_of: Attempt) -> str:
    told = {frozen: names_of(0.2, frozen) for frozen in (False, True)}
    for frozen, (decaying, held) in told.items():
        right_decaying, right_held = _use_groups(parameter_groups, 0.2, frozen)
        said = " (its mlp asks for no gradient)" if frozen else ""
        demand(
            decaying == right_decaying,
            f"decaying{said}: {', '.join(decaying) or 'none'}",
            ", ".join(right_decaying),
            "count dimensions: a matrix has two, a convolution four, a gain or a bias one, the temperature none",
        )
        demand(
            held == right_held,
            f"without decay{said}: {', '.join(held) or 'none'}",
            ", ".join(right_held),
            "every parameter that learns is in just one group: what is in none stays as it was made",
        )
    return "matrices, embeddings and convolutions decay, gains, biases and temperature do not, frozen ones are left out"


def _groups(decays, keeps=lambda p: True, learns=lambda p: p.requires_grad):  # type: ignore[no-untyped-def]
    """Return a wrong function: which parameters decay, which of the others are kept, which take part at all."""

    def groups(model, weight_decay):  # type: ignore[no-untyped-def]
        named = [(name, p) for name, p in model.named_parameters() if learns(p)]
        decaying = [p for name, p in named if decays(name, p)]
        return [
            {"params": decaying, "weight_decay": weight_decay},
            {"params": [p for name, p in named if not decays(name, p) and keeps(p)], "weight_decay": 0.0},
        ]

    return groups


GROUPS = Exercise(
    id="08.2",
    title="Which weights decay",
    difficulty=1,
    minutes=8,
    reference=parameter_groups,
    check=_check_groups,
    hints=(
        "What do a gain, a bias and the temperature have in common that no matrix has?",
        "`parameter.ndim` is 2 for a matrix, 4 for a convolution, 1 for a gain or a bias, 0 for the temperature; "
        "`parameter.requires_grad` says whether it learns.",
    ),
    mutants=(
        Mutant(_groups(lambda name, p: True), "everything decays: a gain that is pulled to 0 switches its channel off"),
        Mutant(_groups(lambda name, p: False), "nothing decays: the matrices are what weight decay is for"),
        Mutant(
            _groups(lambda name, p: "bias" not in name),
            "biases alone were left out by name: LayerNorm's gain is called weight, and the temperature is no bias",
        ),
        Mutant(
            _groups(lambda name, p: p.ndim >= 1), "gains and biases decay: they have one dimension. Take two or more"
        ),
        Mutant(_groups(lambda name, p: p.ndim == 2), "convolutions have four dimensions, and decay like matrices"),
        Mutant(_groups(lambda name, p: p.ndim < 2), "the groups are the wrong way round: the matrices decay"),
        Mutant(
            _groups(lambda name, p: p.ndim >= 2, keeps=lambda p: p.ndim == 1),
            "the temperature is in no group: it has no dimension at all, and is to be learned",
        ),
        Mutant(
            _groups(lambda name, p: p.ndim >= 2, learns=lambda p: True),
            "a parameter that asks for no gradient is in a group: a frozen encoder is to stay as it is",
        ),
    ),
    kept=True,
    use=_use_groups,
)

# ---------------------------------------------------------------------------------------------------------------- 08.3


def warmup_cosine(step: int, total_steps: int, warmup_steps: int, peak: float) -> float:
    """Return the learning rate of a step, counted from 0.

    It rises in a straight line from peak / warmup_steps at step 0 to peak at step warmup_steps - 1.
    From step warmup_steps on it falls along half a cosine, which starts at peak and would be 0 at step total_steps.
    """
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    progress = (step - warmup_steps) / (total_steps - warmup_steps)  # 0 after warm-up, 1 at the end
    return peak * (1 + math.cos(math.pi * progress)) / 2


def _check_rate(rate: Attempt) -> str:
    total, warmup, peak = 110, 10, 2.0
    values = [rate(step, total, warmup, peak) for step in range(total + 1)]
    demand(
        all(isinstance(value, (int, float)) for value in values),
        f"the rate of step 0 is {describe(values[0])}, of step {total} {describe(values[-1])}",
        "a float for every step",
    )
    demand(
        values[0] > 0,
        f"rate {values[0]:.4g} at step 0",
        f"{peak / warmup:.4g}: the first step learns already",
        "steps count from 0, and the first of them is one part of warmup_steps up the ramp",
    )
    demand(min(values) >= -1e-9, f"a rate of {min(values):.4g}", "no rate below 0: that would climb the loss")
    landmarks = {0: "the first step", warmup - 1: "the end of warm-up", warmup: "the start of the cosine",
                 (total + warmup) // 2: "half of the cosine", total: "the end"}  # fmt: skip
    for step, name in landmarks.items():
        right = warmup_cosine(step, total, warmup, peak)
        demand(
            math.isclose(values[step], right, abs_tol=1e-6),
            f"rate {values[step]:.4g} at step {step} of {total} ({name})",
            f"{right:.4g}, with warmup_steps = {warmup} and peak = {peak}",
        )
    for step, total, warmup, peak in ((3, 40, 5, 1e-3), (17, 40, 5, 1e-3), (31, 33, 1, 5e-4), (400, 1000, 200, 0.1)):
        value, right = rate(step, total, warmup, peak), warmup_cosine(step, total, warmup, peak)
        demand(
            math.isclose(value, right, rel_tol=1e-4, abs_tol=1e-9),
            f"rate {value:.4g} for warmup_cosine({step}, {total}, {warmup}, {peak})",
            f"{right:.4g}",
        )
    return "learns from step 0 on, meets the peak without a jump, is at half of it halfway down, ends at 0"


def _with_cosine(fall, rise=lambda step, warmup: (step + 1) / warmup):  # type: ignore[no-untyped-def]
    """Return a schedule with another fall, or another rise, than the right ones."""

    def rate(step, total, warmup, peak):  # type: ignore[no-untyped-def]
        if step < warmup:
            return peak * rise(step, warmup)
        return peak * fall((step - warmup) / (total - warmup))

    return rate


def _half_cosine(progress: float) -> float:
    return (1 + math.cos(math.pi * progress)) / 2


RATE = Exercise(
    id="08.3",
    title="How fast to learn when",
    difficulty=1,
    minutes=8,
    reference=warmup_cosine,
    check=_check_rate,
    hints=(
        "Draw the two parts on paper: a ramp, then half a cosine. At which step does each begin and end?",
        "On the ramp, which fraction of the peak has step 0? Then call the way down `progress`: 0 where the cosine "
        "begins, 1 where it ends.",
        "`math.cos(math.pi * progress)` runs from 1 to -1; add 1, halve, multiply by the peak.",
    ),
    mutants=(
        Mutant(
            _with_cosine(_half_cosine, rise=lambda step, warmup: step / warmup),
            "step / warmup_steps is 0 at step 0: the first batch would teach nothing. Steps count from 0, so add 1",
        ),
        Mutant(
            _with_cosine(_half_cosine, rise=lambda step, warmup: (step + 1) / (warmup + 1)),
            "the ramp is one step too long: step warmup_steps - 1 is its last, and stands at the peak",
        ),
        Mutant(_with_cosine(_half_cosine, rise=lambda step, warmup: 1.0), "no warm-up: the rate starts at its peak"),
        Mutant(
            lambda step, total, warmup, peak: (
                peak * (step + 1) / warmup if step < warmup else peak * _half_cosine(step / total)
            ),
            "the cosine is counted from step 0, so the rate jumps where warm-up ends: count it from warmup_steps",
        ),
        Mutant(
            _with_cosine(lambda progress: math.cos(math.pi * progress)),
            "a cosine from 1 to -1 turns negative halfway: add 1 and halve, so that it runs from 1 to 0",
        ),
        Mutant(
            _with_cosine(lambda progress: (1 + math.cos(progress)) / 2),
            "math.cos counts in radians: without π it covers a third of the way down and never gets to 0",
        ),
        Mutant(
            _with_cosine(lambda progress: math.cos(math.pi / 2 * progress)),
            "a quarter of the cosine's wave, not half of it: it ends at full slope instead of landing softly",
        ),
        Mutant(
            _with_cosine(lambda progress: 1 + math.cos(math.pi * progress)),
            "1 + cos runs from 2 to 0: half of it, so that the cosine starts at the peak",
        ),
        Mutant(
            lambda step, total, warmup, peak: (
                peak * (step + 1) / warmup if step < warmup else peak * _half_cosine((step - warmup) / total)
            ),
            "divided by all steps: the cosine has total_steps - warmup_steps of them, and must get to 0",
        ),
        Mutant(_with_cosine(lambda progress: 1 - progress), "a straight line down meets half a cosine only halfway"),
    ),
    kept=True,
)
