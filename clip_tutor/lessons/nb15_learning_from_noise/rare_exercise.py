"""Exercise 15.5: drop pairs that a model finds hard, without dropping the rare things with the damaged ones."""

from typing import NamedTuple

import torch

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe


def keep_by_loss(losses: torch.Tensor, counts: torch.Tensor, share: float) -> torch.Tensor:
    """Return (N,) truth values: which of N pairs to keep, when round(share · N) of them are to be dropped.

    losses (N,) is what a model pays for each pair: damaged pairs pay more than clean ones, and clean pairs of rare
    things pay more than clean pairs of common things. counts (N,), whole numbers, says how many of the N pairs are of
    the same thing. Of the clean pairs, rare ones should not be dropped more often than common ones; of the damaged
    pairs, as many as can be should be dropped.
    """
    rarity = counts.double().log2().floor()  # pairs of things about as common are compared with each other
    unusual = losses.double().clone()
    for one in rarity.unique():
        group = rarity == one
        unusual[group] -= losses[group].double().median()
    kept = torch.ones(len(losses), dtype=torch.bool)
    kept[unusual.argsort(descending=True)[: round(share * len(losses))]] = False
    return kept


class _Case(NamedTuple):
    losses: torch.Tensor
    counts: torch.Tensor
    damaged: torch.Tensor


def _case(seed: int, slope: float, shift: float = 2.0, things: int = 80, share: float = 0.3) -> _Case:
    """Return pairs of things from common to rare, whose losses grow by ``slope`` with each halving of how common."""
    random = torch.Generator().manual_seed(seed)
    sizes = (600 / torch.arange(1, things + 1)).round().long().clamp(min=4)
    counts = sizes.repeat_interleave(sizes)
    order = torch.randperm(len(counts), generator=random)
    counts = counts[order]
    damaged = torch.rand(len(counts), generator=random) < share
    losses = 1.0 + slope * (600 / counts).log2() + 0.35 * torch.randn(len(counts), generator=random) + shift * damaged
    return _Case(losses.clamp(min=0.01), counts, damaged)


_CASES = (_case(0, 0.45), _case(1, 0.6), _case(2, 0.0), _case(3, 0.45, share=0.1))
_CLEAN_GAP, _FOUND, _FOUND_RARE = 0.06, 0.85, 0.7


def _check(keep: Attempt) -> str:
    for losses, counts, damaged in _CASES:
        share = damaged.float().mean().item()
        kept = keep(losses, counts, share)
        demand(
            isinstance(kept, torch.Tensor) and kept.dtype == torch.bool and kept.shape == losses.shape,
            f"the result is {describe(kept)}",
            f"a tensor ({len(losses)},) of truth values: True keeps a pair",
        )
        number = int((~kept).sum())
        demand(number == round(share * len(losses)), f"{number} pairs dropped", f"{round(share * len(losses))}")
        rare = counts <= counts.double().quantile(0.2)
        common = counts >= counts.double().quantile(0.6)
        of_rare, of_common = (1 - kept[~damaged & which].float().mean().item() for which in (rare, common))
        demand(
            of_rare - of_common <= _CLEAN_GAP,
            f"{of_rare:.0%} of the clean pairs of rare things are dropped, and {of_common:.0%} of common things",
            f"at most {_CLEAN_GAP:.0%} more",
            "a high loss says *damaged* or *rare*: compare each pair with others that are about as common",
        )
        for told, which, least in (("all", damaged, _FOUND), ("rare", damaged & rare, _FOUND_RARE)):
            found = 1 - kept[which].float().mean().item()
            demand(
                found >= least,
                f"of {told} damaged pairs{'' if told == 'all' else ' of rare things'} {found:.0%} are dropped",
                f"{least:.0%} or more",
                "rare things have damaged pairs, too: judge them by what is usual among them, instead of sparing them",
            )
    return "in four collections damaged pairs are dropped, and clean ones of rare things hardly more often than others"


def _dropping(unusual):  # type: ignore[no-untyped-def]
    """Return an answer that drops the pairs that are highest in what ``unusual`` makes of losses and counts."""

    def keep(losses, counts, share):  # type: ignore[no-untyped-def]
        kept = torch.ones(len(losses), dtype=torch.bool)
        order = unusual(losses, counts).argsort(descending=True, stable=True)
        kept[order[: round(share * len(losses))]] = False
        return kept

    return keep


def _spared(losses, counts):  # type: ignore[no-untyped-def]
    return torch.where(counts <= counts.double().quantile(0.2), losses.new_tensor(-1.0), losses)


def _chance(losses, counts):  # type: ignore[no-untyped-def]
    return torch.rand(len(losses), generator=torch.Generator().manual_seed(0))


RARE = Exercise(
    id="15.5",
    title="Damaged, or only rare?",
    difficulty=3,
    minutes=15,
    reference=keep_by_loss,
    check=_check,
    kind="further",
    hints=(
        "Draw the losses over the counts, in your head or below. A line at one height cuts off all of the rare end. "
        "What shape would the cut have to have?",
        "What is usual for a pair of a thing that common? A median over pairs of about the same count is not moved by "
        "the damaged ones among them, as long as these are fewer than half.",
    ),
    mutants=(
        Mutant(
            _dropping(lambda losses, counts: losses),
            "the highest losses of all: among them are the clean pairs of rare things, which the model has seldom seen",
        ),
        Mutant(_dropping(lambda losses, counts: -losses), "the lowest losses were dropped: these are the easy pairs"),
        Mutant(
            _dropping(_spared),
            "all rare things were spared, and with them their damaged pairs",
        ),
        Mutant(
            _dropping(lambda losses, counts: -counts.double()), "the rarest were dropped: that is what is to be avoided"
        ),
        Mutant(_dropping(_chance), "that is as good as chance"),
        Mutant(
            lambda losses, counts, share: ~keep_by_loss(losses, counts, share),
            "True keeps a pair: what is returned says which to drop",
        ),
        Mutant(
            lambda losses, counts, share: keep_by_loss(losses, counts, 1 - share),
            "the share is that of the pairs to drop, not to keep",
        ),
    ),
)
