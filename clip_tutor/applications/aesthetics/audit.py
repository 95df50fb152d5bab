"""What does a taste track? The share of the scores' variance that each attribute of the images explains.

                                 Σ over groups  n_g (mean_g − mean)²
    η²  =  between / total  =  ───────────────────────────────────────      0: nothing, 1: everything
                                 Σ over images      (score − mean)²

Labels that mean nothing explain something, too: with M groups of N images, (M − 1) / (N − 1) on average. So the labels
are shuffled many times, and a share counts only above what shuffled ones reach.

Source: one-way analysis of variance; η² is the square of the correlation ratio. The null is a permutation test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from clip_tutor.data.scenes import Scene
from clip_tutor.evaluation.results import Result

SHUFFLES = 500


@dataclass(frozen=True)
class Share:
    """What one attribute explains of the scores' variance."""

    explained: float  # η²
    chance: float  # its mean when the labels are shuffled
    limit: float  # what 95 % of shuffled labels stay below
    groups: int

    @property
    def tracked(self) -> bool:
        """Whether it is more than shuffled labels explain."""
        return self.explained > self.limit


@dataclass(frozen=True)
class Audit(Result):
    """The attributes of some images, and what each explains of their scores; they overlap, and need not add up to 1."""

    images: int
    shares: dict[str, Share]  # the largest first

    def rows(self) -> list[tuple[str, str]]:
        """Return one line an attribute."""
        return [
            (name, f"{s.explained:.3f}   shuffled {s.chance:.3f}, 95 % below {s.limit:.3f}{'' if s.tracked else '  –'}")
            for name, s in self.shares.items()
        ]


def scene_attributes(scenes: Sequence[Scene]) -> dict[str, list[str]]:
    """Return for each attribute of a scene the label of each of N scenes; "none" where a scene does not have it."""
    return {
        "background": [scene.background for scene in scenes],
        "object family": [scene.objects[0].group for scene in scenes],
        "count": [str(scene.count) for scene in scenes],
        "size": [scene.size or "none" for scene in scenes],
        "relation": [scene.relation or "none" for scene in scenes],
    }


def explained_share(scores: Tensor, labels: Sequence[str]) -> float:
    """Return η²: the share of the variance of (N,) scores that lies between the groups of images with one label.

    Raises:
        ValueError: not one label for each score, or all scores are equal.
    """
    groups = _numbered(scores, labels)
    return _explained(scores.double(), groups[None]).item()


def audit(scores: Tensor, attributes: Mapping[str, Sequence[str]], seed: int = 0) -> Audit:
    """Return what each attribute explains of (N,) scores, beside what shuffled labels explain.

    Args:
        attributes: for each name one label for each of N images, as `scene_attributes` gives them.

    Raises:
        ValueError: an attribute has not one label for each score, or all scores are equal.
    """
    random, found = torch.Generator().manual_seed(seed), {}
    for name, labels in attributes.items():
        groups = _numbered(scores, labels)
        shuffled = torch.stack([groups[torch.randperm(len(groups), generator=random)] for _ in range(SHUFFLES)])
        by_chance = _explained(scores.double(), shuffled)  # (SHUFFLES,)
        found[name] = Share(
            _explained(scores.double(), groups[None]).item(),
            by_chance.mean().item(),
            by_chance.quantile(0.95).item(),
            int(groups.max()) + 1,
        )
    return Audit(len(scores), dict(sorted(found.items(), key=lambda one: -one[1].explained)))


def _numbered(scores: Tensor, labels: Sequence[str]) -> Tensor:
    """Return (N,) the number of each label, once they fit to the scores."""
    if scores.ndim != 1 or len(scores) != len(labels):
        raise ValueError(f"one label for each score: got scores {tuple(scores.shape)} and {len(labels)} labels")
    if not float(scores.std()) > 0:
        raise ValueError("all scores are equal: there is no variance that anything could explain")
    names = {label: n for n, label in enumerate(sorted(set(labels)))}
    return torch.tensor([names[label] for label in labels])


def _explained(scores: Tensor, groups: Tensor) -> Tensor:
    """Return (R,) η² of (N,) scores, for R ways (R, N) to group them."""
    R, M = len(groups), int(groups.max()) + 1
    centered = (scores - scores.mean()).expand(R, -1)  # (R, N)
    sums = torch.zeros(R, M, dtype=scores.dtype).scatter_add_(1, groups, centered)  # (R, M)
    sizes = torch.zeros(R, M, dtype=scores.dtype).scatter_add_(1, groups, torch.ones_like(centered))
    return (sums**2 / sizes.clamp(min=1)).sum(dim=1) / (centered**2).sum(dim=1)
