"""What the grid of runs says, as numbers and as sentences, whatever it says: nothing here knows the outcome."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from clip_tutor.lessons.nb15_learning_from_noise.damage import KINDS, still_true
from clip_tutor.lessons.nb15_learning_from_noise.grid import (
    FILTERED_AT,
    FILTERED_SHARE,
    FILTERS,
    ONE,
    SCALES,
    SHARES,
    SMOOTHING,
    Run,
)
from clip_tutor.lessons.nb15_learning_from_noise.runs import Outcome

Runs = Mapping[Run, Outcome]
USELESS = sum(not bool(still_true(torch.tensor(kind))) for kind in range(1, len(KINDS) + 1)) / len(KINDS)


def accuracies(runs: Runs, scale: float, share: float, **others: Any) -> list[float]:
    """Return the accuracy of each seed's run with this scale and share; ``others`` are what else a run differs in.

    Raises:
        KeyError: there is no such run.
    """
    return [outcome.accuracy for outcome in _outcomes(runs, Run(scale, share, 0, **others))]


def mean_scale(runs: Runs, scale: float, share: float) -> float:
    """Return what one over the temperature became, on average over the seeds."""
    return float(np.mean([outcome.scale for outcome in _outcomes(runs, Run(scale, share, 0))]))


def _outcomes(runs: Runs, wanted: Run) -> list[Outcome]:
    found = [outcome for run, outcome in runs.items() if run._replace(seed=0) == wanted]
    if not found:
        raise KeyError(f"the grid has no run {wanted}")
    return found


def told(seeds: Sequence[float]) -> str:
    """Return the mean of what some seeds reached, and the least and the most, as text."""
    return f"{np.mean(seeds):.1%} ({min(seeds):.1%} to {max(seeds):.1%})"


def true_pairs(scale: float, share: float) -> int:
    """Return how many pairs of a run have a caption that still says something of its image."""
    return round(scale * ONE * (1 - USELESS * share))


def worth(runs: Runs, accuracy: float) -> tuple[float, str]:
    """Return how many undamaged pairs bring the same accuracy, read off between the clean runs; and that as text."""
    scales = sorted({run.scale for run in runs if run == Run(run.scale, 0.0, run.seed)})
    reached = np.maximum.accumulate([np.mean(accuracies(runs, scale, 0.0)) for scale in scales])
    pairs = float(2 ** np.interp(accuracy, reached, np.log2(scales))) * ONE
    if accuracy < reached[0]:
        return pairs, f"fewer than {pairs:,.0f}"
    if accuracy > reached[-1]:
        return pairs, f"more than {pairs:,.0f}"
    return pairs, f"about {pairs:,.0f}"


def needed(runs: Runs, share: float) -> str:
    """Return as text how many times the pairs bring the accuracy of 1× back when a share of captions is damaged."""
    goal = np.mean(accuracies(runs, 1, 0.0))
    reached = np.maximum.accumulate([np.mean(accuracies(runs, scale, share)) for scale in SCALES])
    if goal > reached[-1]:
        return f"more than {SCALES[-1]}×"
    return f"{2 ** np.interp(goal, reached, np.log2(SCALES)):.1f}×"


def verdict(runs: Runs) -> str:
    """Return what the grid says of scale and noise, as sentences."""
    lines = []
    for share in SHARES[1:]:
        lines.append(
            f"with {share:.0%} damaged, **{needed(runs, share)}** the pairs bring back what 1× reaches undamaged"
        )
    shares = [
        worth(runs, float(np.mean(accuracies(runs, scale, share))))[0] / true_pairs(scale, share)
        for scale in SCALES
        for share in SHARES[1:]
    ]
    low, high = min(shares), max(shares)
    if high < 1:
        about = "Damaged captions are worse than wasted: every mixture is worth less than the true captions in it"
    elif low > 1:
        about = "Damaged captions are better than wasted: every mixture is worth more than the true captions in it"
    else:
        about = "Whether damage is more or less than a waste depends on how much of it there is"
    return (
        f"**Here**, {'; '.join(lines)}. {about}, from {low:.0%} to {high:.0%} of their number. (Where even the "
        "smallest clean run is better than a mixture, or the largest one worse, it stands in for the unmeasured.)"
    )


def filters_told(runs: Runs) -> str:
    """Return what filters, smoothing and kinds of damage did at one point of the grid, as sentences."""
    at = FILTERED_AT, FILTERED_SHARE
    none = accuracies(runs, *at)
    groups: dict[str, list[str]] = {"more": [], "less": [], "same": []}
    for name in FILTERS[:-1]:
        groups[_against(accuracies(runs, *at, kept_by=name), none)].append(f"*{name}*")
    lines = []
    for key, said in (("more", "bring more than no filter"), ("less", "cost more than they bring")):
        if groups[key]:
            lines.append(f"In all seeds {', '.join(groups[key])} {said}.")
    if groups["same"]:
        lines.append(f"Between the seeds' ranges nothing is to be told of {', '.join(groups['same'])}.")
    truth = accuracies(runs, *at, kept_by="the truth")
    smooth = _against(accuracies(runs, *at, smoothing=SMOOTHING), none)
    lines.append(
        f"Even a filter that knows the truth reaches {told(truth)}, against {told(accuracies(runs, at[0], 0.0))} "
        "without any damage: it can take away, and cannot bring back."
    )
    outcome = {
        "more": "brings something",
        "less": "costs something",
        "same": "makes no difference that three seeds can tell",
    }
    lines.append(f"Label smoothing {outcome[smooth]} at this point.")
    each = {kind: float(np.mean(accuracies(runs, *at, kind=kind))) for kind in KINDS}
    worst, mildest = min(each, key=lambda kind: each[kind]), max(each, key=lambda kind: each[kind])
    lines.append(f"Of the kinds of damage, *{worst}* costs most ({each[worst]:.1%} are left), *{mildest}* least.")
    return " ".join(lines)


def _against(some: Sequence[float], others: Sequence[float]) -> str:
    """Return whether all seeds of one lie above, or below, all seeds of the other."""
    if min(some) > max(others):
        return "more"
    return "less" if max(some) < min(others) else "same"
