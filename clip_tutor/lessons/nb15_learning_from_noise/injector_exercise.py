"""Exercise 15.1: which pair is damaged, and how, decided by its number alone and never in a test set."""

import numpy as np
import torch

from clip_tutor.data.random_numbers import counter_rng
from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe
from clip_tutor.lessons.nb15_learning_from_noise.damage import choose_damage

_N, _KINDS = 20_000, 5


def _check(choose: Attempt) -> str:
    pairs = torch.arange(_N) + 1_000_000
    state = torch.get_rng_state()
    found = choose(pairs, "train", 0.3, _KINDS, 7)
    demand(
        isinstance(found, torch.Tensor) and found.shape == (_N,) and not found.is_floating_point(),
        f"the result is {describe(found)}{' of floats' if getattr(found, 'dtype', None) == torch.float32 else ''}",
        f"a tensor ({_N},) of whole numbers",
    )
    found = found.long()
    demand(found.min() >= 0 and found.max() <= _KINDS, f"kinds up to {found.max()}", f"0, or 1 to {_KINDS}")
    for split in ("test", "compositional"):
        clean = choose(pairs, split, 0.3, _KINDS, 7)
        demand(
            not clean.any(),
            f"{(clean > 0).float().mean():.0%} of the split {split!r} are damaged",
            "not one: what is measured on damaged captions is not accuracy",
        )
    _demand_shares(found)
    order = torch.randperm(_N, generator=torch.Generator().manual_seed(0))
    shuffled = choose(pairs[order], "train", 0.3, _KINDS, 7).long()
    demand(
        torch.equal(shuffled, found[order]),
        "the same pairs in another order got other damage",
        "what a pair has depends on its number, not on where it stands",
        "a generator gives the n-th number to whoever comes n-th: look numbers up by pair instead",
    )
    demand(
        torch.equal(choose(pairs[500:600], "train", 0.3, _KINDS, 7).long(), found[500:600]),
        "a hundred of the pairs by themselves got other damage than among the rest",
        "the same, in any batch",
    )
    _demand_nested(choose, pairs, found)
    other = choose(pairs, "train", 0.3, _KINDS, 8).long()
    both = ((other > 0) & (found > 0)).float().mean().item()
    demand(
        abs(both - 0.09) < 0.02,
        f"{both:.1%} of all pairs are damaged with seed 7 and with seed 8",
        "about 9 %, as of two independent draws of 30 %",
        "the seed is not used, or only a little: it is one of the two things that decide",
    )
    _demand_independent(found)
    demand(
        torch.equal(torch.get_rng_state(), state),
        "torch's global generator moved",
        "a function that leaves it alone: else the weights drawn after it are others",
    )
    return "the right share, kinds alike, the same in any order, nested in larger shares, and a clean test set"


def _demand_shares(found: torch.Tensor) -> None:
    share = (found > 0).float().mean().item()
    demand(abs(share - 0.3) < 0.015, f"{share:.1%} of the training pairs are damaged", "about 30 %")
    kinds = found.bincount(minlength=_KINDS + 1)[1:] / (found > 0).sum()
    demand(
        (kinds - 1 / _KINDS).abs().max() < 0.03,
        f"of those damaged, the kinds have {', '.join(f'{one:.0%}' for one in kinds.tolist())}",
        f"about {1 / _KINDS:.0%} each",
    )


def _demand_nested(choose: Attempt, pairs: torch.Tensor, found: torch.Tensor) -> None:
    more = choose(pairs, "train", 0.6, _KINDS, 7).long()
    damaged = found > 0
    demand(
        (more[damaged] > 0).all(),
        f"{(more[damaged] == 0).float().mean():.0%} of what is damaged at 30 % is whole again at 60 %",
        "every one of them still damaged: then a curve over the share changes by what is added, and by nothing else",
    )
    demand(
        torch.equal(more[damaged], found[damaged]),
        "at a share of 60 % some pairs have another kind of damage than at 30 %",
        "the same kind at every share",
        "one number decides both: a second one for the kind would not know of the share",
    )


def _demand_independent(found: torch.Tensor) -> None:
    damaged = (found > 0).double()
    for step in (1, 2, 5, 48, 64, 100):
        together = (damaged[step:] * damaged[:-step]).mean().item()
        demand(
            abs(together - damaged.mean().item() ** 2) < 0.02,
            f"two pairs that are {step} apart are damaged together in {together:.1%} of all cases",
            f"{damaged.mean().item() ** 2:.1%}, as of two that know nothing of each other",
            "a pattern in the numbers, such as every third pair: training meets pairs in the order of their numbers",
        )
        both = damaged[step:] * damaged[:-step] > 0
        alike = (found[step:] == found[:-step])[both].double().mean().item()
        demand(
            abs(alike - 1 / _KINDS) < 0.05,
            f"of two damaged pairs that are {step} apart, {alike:.0%} have the same kind of damage",
            f"{1 / _KINDS:.0%}, as by chance",
            "the kind follows the order of the numbers: look it up by (seed, pair), as the answer to whether",
        )


def _drawn(generator_for):  # type: ignore[no-untyped-def]
    """Return an injector whose two numbers a pair come from a generator, in the order of the pairs."""

    def choose(pairs, split, share, kinds, seed):  # type: ignore[no-untyped-def]
        if split != "train":
            return torch.zeros_like(pairs)
        u = torch.from_numpy(generator_for(seed, len(pairs)))
        return torch.where(u[:, 0] < share, 1 + (u[:, 1] * kinds).long(), 0)

    return choose


def _looked_up(whether=lambda u, share: u[:, 0] < share, kind=lambda u, share, kinds: (u[:, 1] * kinds).long()):  # type: ignore[no-untyped-def]
    def choose(pairs, split, share, kinds, seed):  # type: ignore[no-untyped-def]
        if split != "train":
            return torch.zeros_like(pairs)
        u = torch.from_numpy(counter_rng(seed, pairs.numpy(), 2))
        return torch.where(whether(u, share), 1 + kind(u, share, kinds), 0)

    return choose


INJECTOR = Exercise(
    id="15.1",
    title="Noise that does not leak",
    difficulty=2,
    minutes=8,
    reference=choose_damage,
    check=_check,
    hints=(
        "Two questions for each pair: is it damaged, and how? Each wants a number in [0, 1) of its own, which depends "
        "on (seed, pair) alone.",
        "`counter_rng(seed, pairs.numpy(), 2)` gives them: an array (N, 2). `torch.from_numpy` makes a tensor of it.",
        "Damaged: the first number is below the share. How: 1 + the whole part of (the second one · kinds).",
    ),
    mutants=(
        Mutant(
            lambda pairs, split, share, kinds, seed: choose_damage(pairs, "train", share, kinds, seed),
            "the split was not looked at: noise leaked into the test set",
        ),
        Mutant(
            _drawn(lambda seed, N: np.random.default_rng(seed).random((N, 2))),
            "a generator with a seed gives the n-th number to whoever comes n-th: in the next batch, other pairs",
        ),
        Mutant(
            _looked_up(kind=lambda u, share, kinds: (u[:, 0] * kinds).long()),
            "the number that decided whether also decided how: below the share, it only reaches the first few kinds",
        ),
        Mutant(
            _looked_up(kind=lambda u, share, kinds: (u[:, 0] / share * kinds).long().clamp(max=kinds - 1)),
            "one number decides both, stretched by the share: so the kind changes when the share does",
        ),
        Mutant(
            _looked_up(kind=lambda u, share, kinds: (u[:, 1] * (kinds + 1)).long()),
            "one kind too many: 1 + the whole part of u · kinds reaches from 1 to kinds",
        ),
        Mutant(
            _looked_up(whether=lambda u, share: u[:, 0] > share),
            "the other way round: a number in [0, 1) is below the share in that share of cases",
        ),
        Mutant(
            lambda pairs, split, share, kinds, seed: torch.where(
                choose_damage(pairs, split, share, kinds, seed) > 0, 1 + pairs % kinds, 0
            ),
            "the kinds take turns by the pairs' numbers: whoever knows the number knows the kind, whatever the seed",
        ),
        Mutant(
            lambda pairs, split, share, kinds, seed: choose_damage(pairs, split, share, kinds, 0),
            "the seed is not used",
        ),
        Mutant(
            lambda pairs, split, share, kinds, seed: choose_damage(pairs, split, share, kinds, seed + int(share * 100)),
            "the share went into the seed: at another share all is drawn anew, and nothing is nested",
        ),
    ),
)
