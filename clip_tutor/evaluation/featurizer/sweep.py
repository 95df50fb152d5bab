"""How strong should the regularization be? A search on the validation split, which never sees a test image.

    λ from 10⁻⁶ to 10⁶, 8 steps a decade: 96 steps, so 97 values, of which 15 at most are tried

    10⁻⁶   10⁻⁴   10⁻²   1    10²    10⁴    10⁶        seven, two decades apart
                    │  ·  ▲  ·  │                      then one decade to both sides of the best so far,
                      │ · ▲ · │                        half a decade, a quarter, an eighth

Source: Radford et al. 2021, appendix A.3.
"""

from __future__ import annotations

from dataclasses import dataclass

from clip_tutor.evaluation.featurizer.classifiers import fit_probe
from clip_tutor.evaluation.featurizer.features import Labelled, require_labelled
from clip_tutor.evaluation.results import Result

PER_DECADE = 8
L2_GRID = tuple(10 ** (step / PER_DECADE - 6) for step in range(12 * PER_DECADE + 1))  # 97 values of λ
COARSE = 2 * PER_DECADE  # steps between the first ones


@dataclass(frozen=True)
class Sweep(Result):
    """What was tried, from the weakest regularization to the strongest."""

    l2: tuple[float, ...]
    accuracy: tuple[float, ...]  # on the validation split
    converged: tuple[bool, ...]
    best: float  # the λ of the highest accuracy, and the strongest of several

    def rows(self) -> list[tuple[str, str]]:
        """Return one line a λ."""
        columns = zip(self.l2, self.accuracy, self.converged, strict=True)
        return [
            (
                f"λ = {l2:.3g}",
                f"{accuracy:.4f}{'' if done else '  (stopped at the last iteration)'}"
                f"{'  ◀ chosen' if l2 == self.best else ''}",
            )
            for l2, accuracy, done in columns
        ]


def choose_l2(train: Labelled, validation: Labelled) -> Sweep:
    """Return a search for the λ whose probe, fitted on ``train``, is right most often on ``validation``.

    Raises:
        ValueError: vectors and labels cannot be used, see `fit_probe`.
    """
    require_labelled("the validation split", validation, int(train.labels.max()) + 1 if len(train.labels) else None)
    found: dict[int, tuple[float, bool]] = {}  # by place in the grid

    def best() -> int:
        return max(found, key=lambda place: (found[place][0], place))

    step, places = COARSE, list(range(0, len(L2_GRID), COARSE))
    while step:
        for place in places:
            if place not in found and 0 <= place < len(L2_GRID):
                probe = fit_probe(train, L2_GRID[place])
                found[place] = probe.hits(validation).double().mean().item(), probe.converged
        step //= 2
        places = [best() - step, best() + step]
    tried = sorted(found)
    accuracy, converged = zip(*(found[place] for place in tried), strict=True)
    return Sweep(tuple(L2_GRID[place] for place in tried), accuracy, converged, L2_GRID[best()])
