"""What the grid of runs says, as numbers and as sentences, whatever it says: nothing here knows the outcome."""

from collections.abc import Mapping, Sequence
from itertools import product
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
    parts = []
    for scale, share in product(SCALES, SHARES[1:]):
        pairs, about = worth(runs, float(np.mean(accuracies(runs, scale, share))))
        if about.startswith("about"):
            parts.append(pairs / true_pairs(scale, share))
    low, high = min(parts), max(parts)
    if high < 1:
        means = "Damaged captions are worse than wasted: every mixture is worth less than the true captions in it"
    elif low > 1:
        means = "Damaged captions are better than wasted: every mixture is worth more than the true captions in it"
    else:
        means = "Whether damage is more or less than a waste depends on how much of it there is"
    return (
        f"**Here**, {'; '.join(lines)}. {means}, from {low:.0%} to {high:.0%} of their number. (Mixtures that even the "
        "smallest clean run beats, or that beat the largest, cannot be read off, and are not in these two figures.)"
    )


def filters_told(runs: Runs) -> str:
    """Return what filters, smoothing and kinds of damage did at one point of the grid, as sentences."""
    at = FILTERED_AT, FILTERED_SHARE
    none = accuracies(runs, *at)
    groups: dict[str, list[str]] = {"more": [], "less": [], "same": []}
    for name in FILTERS[:-1]:
        groups[_against(accuracies(runs, *at, kept_by=name), none)].append(f"*{name}*")
    lines = []
    for key, said in (
        ("more", "Better than no filter in all seeds"),
        ("less", "Worse in all seeds, so their mistakes cost more than they bring"),
        ("same", "Not to be told from no filter by three seeds"),
    ):
        if groups[key]:
            lines.append(f"{said}: {', '.join(groups[key])}.")
    clean = accuracies(runs, at[0], 0.0)
    each = {kind: float(np.mean(accuracies(runs, *at, kind=kind))) for kind in KINDS}
    truth = accuracies(runs, *at, kept_by="the truth")
    smooth = _against(accuracies(runs, *at, smoothing=SMOOTHING), none)
    lines.append(
        f"Even a filter that knows the truth reaches {told(truth)}, against {told(clean)} "
        "without any damage: it can take away, and cannot bring back."
    )
    best = max(FILTERS[:-1], key=lambda name: np.mean(accuracies(runs, *at, kept_by=name)))
    if np.mean(accuracies(runs, *at, kept_by=best)) > np.mean(truth):
        lines.append(
            f"And *{best}* is not behind it, with {told(accuracies(runs, *at, kept_by=best))}. *True* and *useful* are "
            "two things: the truth keeps captions in other languages, in words that few pairs share. As the only "
            f"damage they leave {each['other language']:.1%}."
        )
    outcome = {
        "more": "brings something",
        "less": "costs something",
        "same": "makes no difference that three seeds can tell",
    }
    lines.append(f"Label smoothing {outcome[smooth]} at this point.")
    worst, mildest = min(each, key=lambda kind: each[kind]), max(each, key=lambda kind: each[kind])
    lines.append(f"Of the kinds of damage, *{worst}* costs most ({each[worst]:.1%} are left), *{mildest}* least.")
    if worst == "wrong caption":
        lines.append(
            "With 48 things and batches of 64, a wrong caption usually describes another image of its batch: it "
            "is step 2's exchanged caption, and a file name is the one from elsewhere."
        )
    return " ".join(lines)


def shapes_told(runs: Runs) -> str:
    """Return what damage left of each shape of model, as sentences."""
    clean, half = (
        {shape: accuracies(runs, FILTERED_AT, share, shape=shape) for shape in ("CLIP", "ALIGN")}
        for share in (0.0, FILTERED_SHARE)
    )
    left = {shape: np.mean(half[shape]) / np.mean(clean[shape]) for shape in clean}
    return (
        f"From clean captions ALIGN's shape learns {told(clean['ALIGN'])} in these steps, and CLIP's "
        f"{told(clean['CLIP'])}. With {FILTERED_SHARE:.0%} damaged, {left['ALIGN']:.0%} of the one is left, and "
        f"{left['CLIP']:.0%} of the other. Compare each line with its own beginning: what a shape learns in so few "
        "steps is one question, what noise takes away from it is another."
    )


def _against(some: Sequence[float], others: Sequence[float]) -> str:
    """Return whether all seeds of one lie above, or below, all seeds of the other."""
    if min(some) > max(others):
        return "more"
    return "less" if max(some) < min(others) else "same"
