"""How many labelled images a class does a probe need to pass the zero-shot classifier, which needs none?

    k = 1, 2, 4, 8, 16      k of each class train, k others of each class choose λ, and all test images are asked
    several draws of each k, for with one image a class everything depends on which one it is

The images that choose λ are labelled images, too. A probe with one training image a class and a validation split of
hundreds has seen hundreds, so here that split grows with k.

Source: Radford et al. 2021, figure 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from clip_tutor.evaluation.featurizer.classifiers import fit_probe, nearest_centroid
from clip_tutor.evaluation.featurizer.features import Labelled, require_labelled
from clip_tutor.evaluation.featurizer.splits import few_of_each
from clip_tutor.evaluation.featurizer.sweep import choose_l2
from clip_tutor.evaluation.results import Result

SHOTS = (1, 2, 4, 8, 16)


@dataclass(frozen=True)
class FewShotCurve(Result):
    """Test accuracies of S numbers of shots and R draws each."""

    shots: tuple[int, ...]  # S
    probe: tuple[tuple[float, ...], ...]  # S × R
    centroid: tuple[tuple[float, ...], ...]  # S × R
    zero_shot: float | None  # where there are class vectors
    left_out: tuple[int, ...] = ()  # shots that some class has too few images for

    def mean(self, which: str = "probe") -> list[float]:
        """Return the mean over draws for each number of shots; ``which`` is "probe" or "centroid"."""
        return [sum(draws) / len(draws) for draws in getattr(self, which)]

    def crossing(self, which: str = "probe") -> int | None:
        """Return the fewest shots whose mean is above zero-shot; None if it never is, or nothing is known of it."""
        if self.zero_shot is None:
            return None
        pairs = zip(self.shots, self.mean(which), strict=True)
        return next((shots for shots, mean in pairs if mean > self.zero_shot), None)

    def rows(self) -> list[tuple[str, str]]:
        """Return one line for each number of shots, zero-shot first."""
        lines = [] if self.zero_shot is None else [("zero-shot", f"{self.zero_shot:.3f}")]
        for shots, probe, centroid in zip(self.shots, self.probe, self.centroid, strict=True):
            told = (
                f"{name} {sum(draws) / len(draws):.3f} ({min(draws):.3f} to {max(draws):.3f})"
                for name, draws in (("probe", probe), ("nearest centroid", centroid))
            )
            lines.append((f"{shots} a class", "   ".join(told)))
        if self.left_out:
            lines.append(("left out", f"{', '.join(map(str, self.left_out))} a class: some class has fewer images"))
        return lines


def few_shot_curve(
    train: Labelled,
    validation: Labelled,
    test: Labelled,
    zero_shot: float | None = None,
    shots: Sequence[int] = SHOTS,
    draws: int = 5,
) -> FewShotCurve:
    """Return test accuracies of probe and nearest centroid for each number of shots.

    Args:
        zero_shot: the accuracy of the zero-shot classifier on the same test images, for the crossing.
        draws: for each number of shots, from 1.

    Raises:
        ValueError: no class, or not even one image of each, in training or validation; or see `fit_probe`.
    """
    if draws < 1 or not shots:
        raise ValueError(f"{draws} draws of {list(shots)} shots are nothing to measure: take at least one of each")
    M = int(train.labels.max()) + 1 if len(train.labels) else 0
    for what, given in (("training", train), ("validation", validation), ("test", test)):
        require_labelled(f"the {what} split", given, M)
    fewest = int(torch.stack([split.labels.bincount(minlength=M) for split in (train, validation)]).min())
    possible = tuple(k for k in sorted(shots) if k <= fewest)
    if not possible:
        raise ValueError(
            f"some class has {fewest} images in training or validation, and at least {min(shots)} of each are needed"
        )
    probe, centroid = [], []
    for k in possible:
        of_probe, of_centroid = [], []
        for draw in range(draws):
            some, others = (_take(split, few_of_each(split.labels, k, draw)) for split in (train, validation))
            fitted = fit_probe(some, choose_l2(some, others).best)
            of_probe.append(fitted.hits(test).double().mean().item())
            of_centroid.append(nearest_centroid(some).hits(test).double().mean().item())
        probe.append(tuple(of_probe))
        centroid.append(tuple(of_centroid))
    left_out = tuple(k for k in sorted(shots) if k > fewest)
    return FewShotCurve(possible, tuple(probe), tuple(centroid), zero_shot, left_out)


def _take(split: Labelled, rows: torch.Tensor) -> Labelled:
    return Labelled(split.features[rows], split.labels[rows])
