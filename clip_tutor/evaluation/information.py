"""How much does a caption tell? Mutual information between its words and a fact about its image, in bits.

Estimated from N pairs it is never 0, even if the words were dealt out blindly: the more values words and fact have, the
more they agree by chance. So the same is measured once more with shuffled captions, and taken off.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from clip_tutor.evaluation.results import Result


@dataclass(frozen=True)
class Information(Result):
    """What words tell of a fact, in bits."""

    entropy: float  # of the fact: what there is to tell
    measured: float
    by_chance: float  # measured with shuffled words, the mean of several shuffles
    pairs: int

    @property
    def told(self) -> float:
        """What is left without chance, at least 0."""
        return max(0.0, self.measured - self.by_chance)

    @property
    def share(self) -> float:
        """What is told of what there is to tell; 0 if there is nothing to tell."""
        return self.told / self.entropy if self.entropy > 1e-6 else 0.0

    def rows(self) -> list[tuple[str, str]]:
        """Return the lines of the table."""
        return [
            ("pairs", f"{self.pairs:,}"),
            ("there is to tell", f"{self.entropy:.3f} bits"),
            ("measured", f"{self.measured:.3f} bits"),
            ("of these by chance", f"{self.by_chance:.3f} bits"),
            ("told", f"{self.told:.3f} bits, {self.share:.0%}"),
        ]


def numbered(values: Sequence[Hashable]) -> Tensor:
    """Return (N,) whole numbers from 0: equal values have the same one.

    >>> numbered(["red", "blue", "red"]).tolist()
    [0, 1, 0]
    """
    numbers: dict[Hashable, int] = {}
    return torch.tensor([numbers.setdefault(value, len(numbers)) for value in values])


def mutual_information(words: Tensor, facts: Tensor) -> float:
    """Return how many bits ``words`` (N,) tell of ``facts`` (N,), both whole numbers from 0, counted as they stand.

    Raises:
        ValueError: there is not one fact for each word, or none at all.

    Source: Shannon 1948; the plain count, biased upward: see `information`.
    """
    if words.shape != facts.shape or words.ndim != 1 or not len(words):
        raise ValueError(f"one word and one fact a pair: got {tuple(words.shape)} and {tuple(facts.shape)}")
    kinds = int(facts.max()) + 1
    counts = torch.bincount(words * kinds + facts, minlength=(int(words.max()) + 1) * kinds)
    joint = counts.view(-1, kinds).double() / len(words)  # (M words, M facts)
    independent = joint.sum(dim=1, keepdim=True) * joint.sum(dim=0)  # as if words knew nothing of facts
    seen = joint > 0
    return (joint[seen] * (joint[seen] / independent[seen]).log2()).sum().item()


def information(words: Sequence[Hashable], facts: Sequence[Hashable], shuffles: int = 5, seed: int = 0) -> Information:
    """Return what words tell of a fact beyond chance; ``None`` is a value like any other ("no word for it").

    Args:
        words: for each of N pairs, what its caption says.
        facts: for each of N pairs, what is so.
        shuffles: how often words are dealt out blindly.
        seed: of the shuffles.

    Raises:
        ValueError: there is not one fact for each word, or none at all.
    """
    said, so = numbered(words), numbered(facts)
    random = torch.Generator().manual_seed(seed)
    measured = mutual_information(said, so)
    chance = [mutual_information(said[torch.randperm(len(said), generator=random)], so) for _ in range(shuffles)]
    return Information(mutual_information(so, so), measured, sum(chance) / len(chance), len(said))
