"""Which of two classifiers is better, when both have answered the same test images?

Two intervals that overlap do not say that nothing is known: what makes one test image hard makes it hard for both. So
images are drawn with replacement, each with the answers of both, and the DIFFERENCE has the interval.

Sources: Efron 1979 (bootstrap); Koehn 2004, for pairs of systems on one test set.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from clip_tutor.evaluation.results import Result
from clip_tutor.evaluation.retrieval import bootstrap_interval


@dataclass(frozen=True)
class PairedDifference(Result):
    """How much more often the first of two classifiers is right than the second."""

    images: int
    difference: float  # of the two accuracies
    low: float  # of its 95 % interval
    high: float
    only_first: int  # images that the first gets right and the second does not
    only_second: int

    @property
    def decided(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0

    def rows(self) -> list[tuple[str, str]]:
        """Return the difference, and where it comes from."""
        said = "one is better" if self.decided else "not decided: the interval holds 0"
        return [
            ("difference", f"{self.difference:+.3f} ({self.low:+.3f} to {self.high:+.3f})  {said}"),
            ("only the first is right", f"{self.only_first:,} of {self.images:,} images"),
            ("only the second is right", f"{self.only_second:,} of {self.images:,} images"),
        ]


def paired_difference(first: Tensor, second: Tensor, seed: int = 0) -> PairedDifference:
    """Return the difference of two accuracies with its 95 % paired bootstrap interval.

    Args:
        first, second: (N,) bool, the hits of two classifiers on the same images in the same order.

    Raises:
        ValueError: they are not equally long, or there are none.
    """
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(
            f"both need one answer for each of the same test images: got {tuple(first.shape)} and {tuple(second.shape)}"
        )
    differences = first.float() - second.float()  # (N,) of −1, 0 and 1
    low, high = bootstrap_interval(differences, seed=seed)
    return PairedDifference(
        len(differences),
        differences.mean().item(),
        low,
        high,
        int((differences > 0).sum()),
        int((differences < 0).sum()),
    )
