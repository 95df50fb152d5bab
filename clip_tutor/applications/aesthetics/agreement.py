"""How often does a head put two images into the order that the rater did? With an interval, and held out.

    ratings of N images ─▶ each two that differ ─▶ fit on the other N − 2 ─▶ does it order these two as the rater did?

0.5 is chance, 1 is every pair. Why two are left out and not one: a head that was fitted without the best image starts
from a lower mean, so the best image gets a low score and the worst a high one. Scores of heads that leave one out
agree LESS than chance with ratings that mean nothing (``test_leaving_one_out_is_below_chance_and_two_is_not``).

The N (N − 1) / 2 fits need one inverse. If C is the part for the images of the inverse of [[X Xᵀ + λ, 1], [1ᵀ, 0]],
then the residuals of the images S by a ridge regression on the others are C_SS⁻¹ (C r)_S
(``test_held_out_scores_are_those_of_a_fit_on_the_others``).

Sources: Airola et al. 2011, "An experimental comparison of cross-validation techniques for estimating the area under
the ROC curve" (leave-pair-out); Efron 1979 (bootstrap).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from clip_tutor.applications.aesthetics.training import FEWEST, L2, check_ratings
from clip_tutor.evaluation.results import Result

DRAWS = 1000


@dataclass(frozen=True)
class Agreement(Result):
    """The share of pairs that a head orders as the rater did, with its 95 % bootstrap interval."""

    images: int
    pairs: int  # that were rated differently
    share: float
    low: float
    high: float

    @property
    def decided(self) -> bool:
        """Whether the interval leaves chance out."""
        return self.low > 0.5 or self.high < 0.5

    def rows(self) -> list[tuple[str, str]]:
        """Return the share, and what it says."""
        said = "not chance" if self.decided else "not told apart from chance: the interval holds 0.5"
        return [
            ("agreement", f"{self.share:.3f} ({self.low:.3f} to {self.high:.3f})  {said}"),
            ("of", f"{self.pairs:,} pairs of {self.images:,} images"),
        ]


def ordered_share(scores: Tensor, ratings: Tensor) -> float:
    """Return the share of pairs that (N,) scores order as N ratings do; a tie of scores is half right.

    Raises:
        ValueError: not one rating for each score, too few, or all equal.
    """
    check_ratings(scores[:, None], ratings)
    right, counted = _tables(scores[:, None] - scores[None, :], ratings)
    return (right.sum() / counted.sum()).item()


def agreement(scores: Tensor, ratings: Tensor, seed: int = 0) -> Agreement:
    """Return how well (N,) scores order N images that the head was NOT fitted to.

    Raises:
        ValueError: not one rating for each score, too few, or all equal.
    """
    check_ratings(scores[:, None], ratings)
    return from_differences(scores[:, None] - scores[None, :], ratings, seed)


def held_out_agreement(features: Tensor, ratings: Tensor, l2: float = L2, seed: int = 0) -> Agreement:
    """Return how well heads that are fitted to the other ratings order each two images (leave-pair-out).

    Args:
        features: (N, E) unit vectors of the rated images.
        ratings: (N,).
        l2: λ of `fit_ratings`.

    Raises:
        ValueError: there are too few ratings, or all are equal, or vectors and ratings do not go together.
    """
    return from_differences(held_out_differences(features, ratings, l2), ratings, seed)


def held_out_differences(features: Tensor, ratings: Tensor, l2: float = L2) -> Tensor:
    """Return (N, N): the score of image i less that of image j, by `fit_ratings` on all images but these two.

    Raises:
        ValueError: see `held_out_agreement`.
    """
    x, r = check_ratings(features, ratings, l2)
    if len(r) < FEWEST + 2:
        raise ValueError(f"{len(r)} ratings leave {len(r) - 2} to fit: rate at least {FEWEST + 2} images")
    N = len(r)
    bordered = torch.ones(N + 1, N + 1, dtype=x.dtype)
    bordered[:N, :N] = x @ x.T + l2 * torch.eye(N, dtype=x.dtype)
    bordered[N, N] = 0
    inverse = torch.linalg.inv(bordered)[:N, :N]  # (N, N)
    pull, own = inverse @ r, inverse.diagonal()  # (N,) each
    determinant = own[:, None] * own[None, :] - inverse**2  # (N, N), of the 2 × 2 block of each pair
    determinant.fill_diagonal_(1)
    residual = (own[None, :] * pull[:, None] - inverse * pull[None, :]) / determinant  # (N, N), of i without i and j
    held_out = r[:, None] - residual  # (N, N), the score of i without i and j
    return held_out - held_out.T


def _tables(differences: Tensor, ratings: Tensor) -> tuple[Tensor, Tensor]:
    """Return (N, N) how right each (N, N) difference of two scores is, and whether the two were rated differently."""
    order = (ratings[:, None] - ratings[None, :]).sign()  # (N, N): 1 where i was rated higher
    counted = order.abs().float()
    right = torch.where(differences == 0, 0.5, (differences.sign() == order).float())
    return right * counted, counted


def from_differences(differences: Tensor, ratings: Tensor, seed: int = 0) -> Agreement:
    """Return the agreement of (N, N) score differences; images are drawn with replacement, with all of their pairs."""
    right, counted = _tables(differences, ratings)
    N, random = len(ratings), torch.Generator().manual_seed(seed)
    drawn = torch.randint(N, (DRAWS, N), generator=random)
    times = torch.zeros(DRAWS, N).scatter_add_(1, drawn, torch.ones(DRAWS, N))  # how often each image was drawn
    hits, pairs = (((times @ table) * times).sum(dim=1) for table in (right, counted))  # (DRAWS,) each
    shares = (hits / pairs)[pairs > 0]  # of a draw in which all are rated alike nothing can be said
    low, high = shares.quantile(torch.tensor([0.025, 0.975])).tolist()
    return Agreement(N, int(counted.sum()) // 2, (right.sum() / counted.sum()).item(), low, high)
