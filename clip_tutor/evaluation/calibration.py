"""When it says 80 %, is it right in 80 of 100 cases?

    confidence   0.0 … 0.1 … 0.2 …        … 0.9 … 1.0      the largest probability of each image
    accuracy       –     12 %    25 %          93 %        of the images in that bin
    ECE          Σ (images in the bin / all) · |accuracy − mean confidence|

One number, the temperature T, divides all logits and changes no answer: it is fitted on images that are not measured.

Source: Guo et al. 2017, sections 2 and 4.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.evaluation.results import Result

BINS = 15  # as in the paper


@dataclass(frozen=True)
class Calibration(Result):
    """A reliability diagram as numbers; a bin without images has 0 everywhere."""

    edges: Tensor  # (K + 1,) of the bins, from 0 to 1
    images: Tensor  # (K,) how many images each bin has
    confidence: Tensor  # (K,) their mean confidence
    accuracy: Tensor  # (K,) the share of them that is right
    ece: float  # expected calibration error, from 0 to 1
    temperature: float  # that the logits were divided by

    def rows(self) -> list[tuple[str, str]]:
        """Return the lines of the table: the error, and every bin that has images."""
        rows = [("ECE", f"{self.ece:.3f}"), ("temperature", f"{self.temperature:.3g}")]
        for k in self.images.nonzero().flatten().tolist():
            values = f"{self.confidence[k]:.3f} sure, {self.accuracy[k]:.3f} right, {int(self.images[k])} images"
            rows.append((f"{self.edges[k]:.2f} to {self.edges[k + 1]:.2f}", values))
        return rows


def calibration(logits: Tensor, labels: Tensor, temperature: float = 1.0, bins: int = BINS) -> Calibration:
    """Return how sure a classifier is against how often it is right.

    Args:
        logits: (N, M), already multiplied with the model's scale.
        labels: (N,) the true classes.
        temperature: the logits are divided by it.
        bins: K, equally wide.

    Raises:
        ValueError: there is no image, or not one label each.
    """
    require_labels(logits, labels)
    confidence, answers = (logits / temperature).softmax(dim=-1).max(dim=-1)
    right = (answers == labels).double()
    edges = torch.linspace(0, 1, bins + 1, dtype=torch.float64)
    confidence = confidence.double().clamp(0, 1)
    places = (torch.bucketize(confidence, edges) - 1).clamp(min=0)  # the bin (low, high] that each falls into
    images = places.bincount(minlength=bins)
    sums = torch.zeros(2, bins, dtype=torch.float64).index_add_(1, places, torch.stack([confidence, right]))
    mean_confidence, accuracy = sums / images.clamp(min=1)
    ece = ((accuracy - mean_confidence).abs() * images).sum() / len(labels)
    return Calibration(edges, images, mean_confidence, accuracy, ece.item(), temperature)


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """Return the temperature with which the labels of a VALIDATION split are most probable.

    In 1 / T the negative log-likelihood is convex: its slope is bisected. Where every answer is right, T would go to
    zero, and where the logits say nothing, to infinity: both stop at a factor of a thousand.

    Args:
        logits: (N, M) of images that nothing is measured on.
        labels: (N,) the true classes.

    Raises:
        ValueError: there is no image, or not one label each.
    """
    require_labels(logits, labels)
    logits = logits.double()
    own = logits.gather(1, labels[:, None]).mean()

    def slope(log_beta: float) -> float:  # of the mean negative log-likelihood, where beta is 1 / T
        expected = (logits.mul(torch.tensor(log_beta).exp()).softmax(dim=1) * logits).sum(dim=1).mean()
        return (expected - own).item()

    low, high = -torch.tensor(1000.0).log().item(), torch.tensor(1000.0).log().item()
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if slope(middle) > 0 else (middle, high)
    return torch.tensor(-(low + high) / 2).exp().item()


def negative_log_likelihood(logits: Tensor, labels: Tensor, temperature: float = 1.0) -> float:
    """Return the mean of −ln p of the true class, in nats."""
    require_labels(logits, labels)
    return F.cross_entropy(logits.double() / temperature, labels).item()


def require_labels(scores: Tensor, labels: Tensor) -> None:
    """Check that there is a true class for each row of (N, M) scores.

    Raises:
        ValueError: there is no row, not one label each, or a label that is no class.
    """
    if scores.ndim != 2 or labels.shape != scores.shape[:1]:
        raise ValueError(
            f"scores are (N, M) and labels (N,), one true class an image: got {tuple(scores.shape)} and "
            f"{tuple(labels.shape)}"
        )
    if not len(labels):
        raise ValueError("there is no image to measure on: the set is empty, or none of its images could be read")
    if labels.min() < 0 or labels.max() >= scores.shape[1]:
        raise ValueError(
            f"labels from {labels.min()} to {labels.max()} do not match {scores.shape[1]} classes: they count from 0"
        )
