"""Who is whose neighbor: hubs, which are neighbors of too many, and what a flat map keeps of the neighbors in space.

similarity (N, M) ─ the k most similar of each row ─▶ how often each candidate was chosen ─▶ skewness
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from clip_tutor.evaluation.results import Result


@dataclass(frozen=True)
class Hubness(Result):
    """How evenly queries spread over the candidates that they choose as their nearest."""

    k: int  # candidates that each query chooses
    queries: int
    candidates: int
    skewness: float  # 0: as many chosen often as chosen rarely; above 1: a few are chosen by many
    largest: int  # how often the most popular candidate was chosen
    never: float  # the share of candidates that no query chose

    def rows(self) -> list[tuple[str, str]]:
        """Return the lines of the table."""
        mean = self.k * self.queries / self.candidates
        return [
            ("queries, candidates, k", f"{self.queries:,}, {self.candidates:,}, {self.k}"),
            ("skewness of the k-occurrences", f"{self.skewness:.2f}"),
            ("most often chosen", f"{self.largest:,} times; {mean:.3g} on average"),
            ("never chosen", f"{self.never:.1%}"),
        ]


def k_occurrences(similarity: Tensor, k: int) -> Tensor:
    """Return (M,): for how many of N queries each candidate is among the k most similar, from (N, M) similarities.

    Within one set a vector is no neighbor of its own: fill the diagonal with ``-torch.inf`` first.

    Raises:
        ValueError: there are fewer than k candidates, no query, or similarities that are not a number.

    Source: Radovanović et al. 2010.
    """
    if similarity.ndim != 2 or not 1 <= k <= similarity.shape[1] or not len(similarity):
        raise ValueError(f"{k} neighbors of each row need a table (N, M) with M ≥ {k}: got {tuple(similarity.shape)}")
    if similarity.isnan().any():
        raise ValueError("some similarities are NaN, and have no order: were all vectors finite and of unit length?")
    return similarity.topk(k, dim=1).indices.flatten().bincount(minlength=similarity.shape[1])


def hubness(similarity: Tensor, k: int = 10) -> Hubness:
    """Return how uneven the `k_occurrences` of (N, M) similarities are; a skewness of 0 where all are alike.

    Source: Radovanović et al. 2010, who take the standardized third moment of the k-occurrences.
    """
    counts = k_occurrences(similarity, k)
    N, M = similarity.shape
    centered = counts.double() - counts.double().mean()
    spread = centered.square().mean().sqrt()
    skewness = (centered**3).mean() / spread**3 if spread > 0 else torch.zeros(())
    return Hubness(k, N, M, skewness.item(), int(counts.max()), (counts == 0).float().mean().item())


def kept_neighbors(features: Tensor, places: Tensor, k: int = 10) -> float:
    """Return which share of the k nearest neighbors of each vector are among the k nearest on the map as well.

    By chance that is k / (N − 1).

    Args:
        features: (N, E) unit vectors; near by cosine.
        places: (N, 2); near by distance.

    Raises:
        ValueError: there is not one place for each vector, or there are no k neighbors.
    """
    N = len(features)
    if len(places) != N or not 1 <= k < N:
        raise ValueError(f"{N} vectors and {len(places)} places: give as many of each, and more than k = {k}")
    itself = torch.eye(N, dtype=torch.bool)
    nearness = (features @ features.T).masked_fill(itself, -torch.inf)
    distance = torch.cdist(places.double(), places.double()).masked_fill(itself, torch.inf)
    in_space, on_map = torch.zeros(N, N), torch.zeros(N, N)
    in_space.scatter_(1, nearness.topk(k, dim=1).indices, 1.0)
    on_map.scatter_(1, distance.topk(k, dim=1, largest=False).indices, 1.0)
    return (in_space * on_map).sum().item() / (N * k)
