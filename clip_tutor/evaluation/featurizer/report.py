"""Everything that a data set says about a model as a featurizer, in one result."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from clip_tutor.evaluation.featurizer.classifiers import fit_probe, nearest_centroid, zero_shot_head
from clip_tutor.evaluation.featurizer.comparing import PairedDifference, paired_difference
from clip_tutor.evaluation.featurizer.features import Labelled, joint_features, read_from, require_labelled
from clip_tutor.evaluation.featurizer.few_shot import SHOTS, FewShotCurve, few_shot_curve
from clip_tutor.evaluation.featurizer.sweep import Sweep, choose_l2
from clip_tutor.evaluation.results import Result
from clip_tutor.evaluation.retrieval import bootstrap_interval
from clip_tutor.model import CLIP


@dataclass(frozen=True)
class Accuracy:
    """A share of test images, with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True)
class FeaturizerReport(Result):
    """A linear probe on all training images, beside classifiers that need fewer or none."""

    read_from: str  # before or after the projection
    width: int  # D
    classes: int  # M
    training_images: int
    validation_images: int
    test_images: int
    sweep: Sweep
    probe: Accuracy
    converged: bool  # whether the final probe's solver came to rest
    centroid: Accuracy
    zero_shot: Accuracy | None
    probe_over_centroid: PairedDifference
    probe_over_zero_shot: PairedDifference | None
    few_shot: FewShotCurve

    def rows(self) -> list[tuple[str, str]]:
        """Return what was measured, one line each."""
        counts = f"{self.training_images:,} train, {self.validation_images:,} validate, {self.test_images:,} test"
        lines = [
            ("vectors", f"{self.width} numbers, {self.read_from}"),
            ("images", f"{counts}; {self.classes} classes, chance {1 / self.classes:.3f}"),
            ("λ", f"{self.sweep.best:.3g}, the best of {len(self.sweep.l2)} on the validation split"),
            ("linear probe", str(self.probe) + ("" if self.converged else "  (stopped at the last iteration)")),
            ("nearest centroid", str(self.centroid)),
        ]
        if self.zero_shot and self.probe_over_zero_shot:
            lines.append(("zero-shot", str(self.zero_shot)))
            lines.append(("probe − zero-shot", self.probe_over_zero_shot.rows()[0][1]))
        lines.append(("probe − nearest centroid", self.probe_over_centroid.rows()[0][1]))
        lines += [(name, told) for name, told in self.few_shot.rows() if name != "zero-shot"]
        if self.few_shot.zero_shot is not None:
            crossing = self.few_shot.crossing()
            lines.append(("probe passes zero-shot", f"with {crossing} a class" if crossing else "with none of these"))
        return lines


def featurizer_report(
    model: CLIP,
    train: Labelled,
    validation: Labelled,
    test: Labelled,
    classes: Tensor | None = None,
    shots: Sequence[int] = SHOTS,
    draws: int = 5,
) -> FeaturizerReport:
    """Return what labelled vectors of a model, from `probe_features`, are good for.

    λ is chosen on the validation split; the probe that is tested is then fitted once more to training and validation
    images together. The test split is looked at last, and once. Training images that are test images, too, are warned
    of and counted.

    Args:
        model: whose vectors they are; its projection leads from them to the joint space.
        classes: (M, E) class vectors of prompts, for zero-shot on the same test images.
        draws: of each number of shots.

    Raises:
        ValueError: the splits or the class vectors do not fit each other; see `fit_probe` and `few_shot_curve`.
    """
    M = int(train.labels.max()) + 1 if len(train.labels) else 0
    for what, given in (("training", train), ("validation", validation), ("test", test)):
        require_labelled(f"the {what} split", given, M)
    if classes is not None and len(classes) != M:
        raise ValueError(f"{len(classes)} class vectors, and the training split has {M} classes: give one for each")
    _warn_of_copies(train, validation, test)
    sweep = choose_l2(train, validation)
    both = Labelled(*(torch.cat(pieces) for pieces in zip(train, validation, strict=True)))
    probe, centroid = fit_probe(both, sweep.best), nearest_centroid(both)
    hits, of_centroid = probe.hits(test), centroid.hits(test)
    of_zero_shot = None
    if classes is not None:
        of_zero_shot = zero_shot_head(classes).hits(Labelled(joint_features(model, test.features), test.labels))
    zero_shot = None if of_zero_shot is None else _accuracy(of_zero_shot)
    return FeaturizerReport(
        read_from(model),
        test.features.shape[1],
        M,
        len(train.labels),
        len(validation.labels),
        len(test.labels),
        sweep,
        _accuracy(hits),
        probe.converged,
        _accuracy(of_centroid),
        zero_shot,
        paired_difference(hits, of_centroid),
        None if of_zero_shot is None else paired_difference(hits, of_zero_shot),
        few_shot_curve(train, validation, test, zero_shot.value if zero_shot else None, shots, draws),
    )


def _accuracy(hits: Tensor) -> Accuracy:
    return Accuracy(hits.double().mean().item(), *bootstrap_interval(hits))


def _warn_of_copies(train: Labelled, validation: Labelled, test: Labelled) -> None:
    """Warn of test images whose vector stands, number for number, among those that train or validate."""
    known = {row.tobytes() for split in (train, validation) for row in split.features.numpy()}
    copies = sum(row.tobytes() in known for row in test.features.numpy())
    if copies:
        warnings.warn(
            f"{copies:,} of {len(test.labels):,} test images have the same vector as one that trains or validates: "
            "what is measured on them is memory",
            stacklevel=3,
        )
