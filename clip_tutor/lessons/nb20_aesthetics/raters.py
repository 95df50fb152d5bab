"""Simulated raters: people whose taste is written down, so that the truth about it is known.

    liking(scene) = what its background is worth + what its family is worth      in steps of the scale
    rating        = 5 + liking + mood, rounded, from 1 to 10

The mood is new for each image. Without it every rating would be the same on another day, as no person's are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from clip_tutor.data.scenes import Scene

LOWEST, HIGHEST = 1, 10  # the scale of LAION's training data


@dataclass(frozen=True)
class Rater:
    """Somebody who likes some backgrounds and some families of things."""

    backgrounds: Mapping[str, float] = field(default_factory=dict)  # in steps; what is not named is worth 0
    families: Mapping[str, float] = field(default_factory=dict)
    mood: float = 1.0  # standard deviation, in steps

    def liking(self, scenes: Sequence[Scene]) -> Tensor:
        """Return (N,) how much each scene is liked, without mood and without the ends of the scale."""
        worth = [
            self.backgrounds.get(scene.background, 0.0) + self.families.get(scene.objects[0].group, 0.0)
            for scene in scenes
        ]
        return torch.tensor(worth)

    def ratings(self, scenes: Sequence[Scene], seed: int = 0) -> Tensor:
        """Return (N,) whole numbers from 1 to 10; another seed is another day."""
        mood = self.mood * torch.randn(len(scenes), generator=torch.Generator().manual_seed(seed))
        return (5 + self.liking(scenes) + mood).round().clamp(LOWEST, HIGHEST)


_WARM = {"red": 3.0, "orange": 2.5, "yellow": 1.5, "pink": 1.0, "turquoise": -1.5, "blue": -2.5, "gray": -2.5}
_ALIVE = {"Animals & Nature": 2.5, "Food & Drink": 1.5, "Objects": -2.0, "Travel & Places": -1.0}
RATERS = {
    "warm": Rater(backgrounds=_WARM),
    "alive": Rater(families=_ALIVE),
    "both": Rater({color: 0.6 * worth for color, worth in _WARM.items()}, {f: 0.8 * w for f, w in _ALIVE.items()}),
}
COLD = Rater(backgrounds={color: -worth for color, worth in _WARM.items()})  # the opposite of "warm"
RED = Rater(backgrounds={"red": 4.0}, mood=0.3)  # red backgrounds, and nothing else: 9 for these, and 5 for the rest
