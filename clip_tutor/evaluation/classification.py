"""Zero-shot classification of a labelled set, by number: how often, which classes, and what is taken for what.

(N, E) images · (M, E) classifier ─▶ (N, M) logits ─▶ top-1, top-5, mean per class, confusion, calibration
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from clip_tutor.evaluation.calibration import Calibration, calibration, require_labels
from clip_tutor.evaluation.classifier import Classifier
from clip_tutor.evaluation.encoding import Encoded
from clip_tutor.evaluation.results import Result
from clip_tutor.evaluation.retrieval import bootstrap_interval
from clip_tutor.evaluation.zero_shot import likeliest

PAIRS, IMAGES_OF_A_PAIR = 10, 12  # the most confused pairs that a result names, and the images of each


@dataclass(frozen=True)
class ConfusedPair:
    """Images of one class that were taken for another."""

    truth: str
    answer: str
    images: int
    share: float  # of all images of the true class
    rows: list[int]  # of the data set: the first few, the surest first


@dataclass(frozen=True)
class Classification(Result):
    """What zero-shot classification of N images among M classes found."""

    names: tuple[str, ...]
    images: int
    top_1: float
    top_1_interval: tuple[float, float]  # 95 %, bootstrap over images
    top_5: float | None  # None where there are fewer than five classes
    mean_per_class: float  # recall, averaged over the classes that occur
    confusion: Tensor = field(repr=False)  # (M, M) int64: images of class m (rows) that were called n (columns)
    confused: list[ConfusedPair]  # the pairs with most images first
    calibration: Calibration
    problems: dict[str, str] = field(default_factory=dict)  # images that were left out, and why

    @property
    def recall(self) -> Tensor:
        """Of each class (M,), the share of its images that was found; NaN for a class without images."""
        return self.confusion.diagonal() / self.confusion.sum(dim=1)

    def rows(self) -> list[tuple[str, str]]:
        """Return the lines of the table."""
        low, high = self.top_1_interval
        rows = [
            ("images", f"{self.images:,} of {len(self.names):,} classes"),
            ("top-1", f"{self.top_1:.4f} ({low:.3f} to {high:.3f})"),
            ("top-5", "–" if self.top_5 is None else f"{self.top_5:.4f}"),
            ("mean per class", f"{self.mean_per_class:.4f}"),
            ("chance", f"{1 / len(self.names):.4f}"),
            ("ECE", f"{self.calibration.ece:.4f}"),
        ]
        for pair in self.confused[:5]:
            rows.append((f"{pair.truth} → {pair.answer}", f"{pair.images} images, {pair.share:.0%} of the class"))
        if self.problems:
            name, reason = next(iter(self.problems.items()))
            rows.append(("left out", f"{len(self.problems)}, the first is {name}: {reason}"))
        return rows

    def as_json(self) -> dict[str, Any]:
        """Return the fields, the recall of each class, and of the confusion matrix what is not zero.

        Each entry of ``confusion`` is [true class, answer, images].
        """
        entries = self.confusion.nonzero()
        sparse = torch.cat([entries, self.confusion[tuple(entries.T)][:, None]], dim=1).tolist()
        recall = {name: None if r != r else r for name, r in zip(self.names, self.recall.tolist(), strict=True)}
        return super().as_json() | {"confusion": sparse, "recall": recall}


def classification(classifier: Classifier, encoded: Encoded, temperature: float = 1.0) -> Classification:
    """Return how well a classifier does on encoded images.

    Args:
        encoded: unit vectors, and labels that count the classifier's classes.
        temperature: of the calibration alone: see `fit_temperature`.

    Raises:
        ValueError: there is no image, a label is none of the classes, or the vectors are of another size.
    """
    if len(encoded) and encoded.features.shape[-1] != classifier.weights.shape[-1]:
        raise ValueError(
            f"image vectors of length {encoded.features.shape[-1]} and class vectors of length "
            f"{classifier.weights.shape[-1]} cannot be compared: both must come from the same model"
        )
    logits, labels = classifier.logits(encoded.features), encoded.labels  # (N, M)
    require_labels(logits, labels)
    M = len(classifier.names)
    answers = likeliest(logits)  # (N,)
    if answers.min() < 0:
        raise ValueError("these vectors are not all numbers (NaN): encode_labelled leaves out the images they are of")
    hits = answers == labels
    confusion = (labels * M + answers).bincount(minlength=M * M).view(M, M)
    found = confusion.diagonal()[confusion.sum(dim=1) > 0] / confusion.sum(dim=1)[confusion.sum(dim=1) > 0]
    return Classification(
        classifier.names,
        len(labels),
        hits.double().mean().item(),
        bootstrap_interval(hits),
        (logits.topk(5).indices == labels[:, None]).any(dim=1).double().mean().item() if M >= 5 else None,
        found.double().mean().item(),
        confusion,
        _most_confused(classifier.names, confusion, logits, answers, encoded),
        calibration(logits, labels, temperature),
        encoded.problems,
    )


def _most_confused(
    names: tuple[str, ...], confusion: Tensor, logits: Tensor, answers: Tensor, encoded: Encoded
) -> list[ConfusedPair]:
    """Return the pairs of classes with most wrong answers, and images of each, the surest first."""
    M = len(names)
    wrong = confusion.clone().fill_diagonal_(0).flatten()
    pairs = []
    for place in wrong.argsort(descending=True, stable=True)[:PAIRS].tolist():
        if not wrong[place]:
            break
        truth, answer = divmod(place, M)
        chosen = ((encoded.labels == truth) & (answers == answer)).nonzero().flatten()
        surest = logits[chosen].softmax(dim=1)[:, answer].argsort(descending=True)[:IMAGES_OF_A_PAIR]
        share = (wrong[place] / confusion[truth].sum()).item()
        rows = encoded.rows[chosen[surest]].tolist()
        pairs.append(ConfusedPair(names[truth], names[answer], int(wrong[place]), share, rows))
    return pairs
