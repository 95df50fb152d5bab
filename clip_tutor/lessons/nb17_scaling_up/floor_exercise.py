"""Exercise 17.6, for going further: a power law that ends on a floor, the irreducible loss."""

import math

import torch

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe
from clip_tutor.lessons.nb17_scaling_up.exercise_parts import fit_power_law


def fit_with_floor(x: torch.Tensor, y: torch.Tensor, floors: torch.Tensor) -> tuple[float, float, float]:
    """Return (E, a, b) of the law y = E + a · x^-b that is nearest to the points.

    E is one of ``floors`` (m,), of those that lie below every y. For each of them a and b are those of the power law
    through y - E. Nearest: with the smallest sum of squares of log y - log(E + a · x^-b).
    x and y are (n,), all above zero.
    """
    best, least = (0.0, 0.0, 0.0), math.inf
    for floor in floors.tolist():
        if floor >= y.min():
            continue
        a, b = fit_power_law(x, y - floor)
        missed = (y.log() - (floor + a * x**-b).log()).square().sum().item()
        if missed < least:
            best, least = (floor, a, b), missed
    return best


_TRUE = ((0.5, 2.0, 0.5, 0), (0.0, 3.0, 0.2, 1), (1.2, 4.0, 0.8, 2))


def _points(E: float, a: float, b: float, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    x = 10 ** torch.linspace(0, 4, 13, dtype=torch.float64)
    noise = torch.randn(13, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return x, (E + a * x**-b) * (0.03 * noise).exp(), torch.linspace(0, 2, 81, dtype=torch.float64)


def _check(fit: Attempt) -> str:
    for E, a, b, seed in _TRUE:
        x, y, floors = _points(E, a, b, seed)
        value = fit(x, y, floors)
        demand(
            isinstance(value, tuple) and len(value) == 3,
            f"the result is {describe(value)}",
            "a tuple of three numbers: E, a and b",
        )
        right = fit_with_floor(x, y, floors)
        close = [math.isclose(float(v), r, rel_tol=1e-3, abs_tol=1e-4) for v, r in zip(value, right, strict=True)]
        said, expected = (", ".join(f"{float(number):.3f}" for number in law) for law in (value, right))
        demand(
            all(close),
            f"(E, a, b) = ({said}) for 13 noisy points of {E} + {a:.0f} · x^-{b}",
            f"({expected})",
        )
    return "two laws that end on a floor, and one that has none"


def _no_floor(x, y, floors):  # type: ignore[no-untyped-def]
    return (0.0, *fit_power_law(x, y))


def _highest(x, y, floors):  # type: ignore[no-untyped-def]
    floor = max(one for one in floors.tolist() if one < y.min())
    return (floor, *fit_power_law(x, y - floor))


def _floor_of_another(x, y, floors):  # type: ignore[no-untyped-def]
    return (fit_with_floor(x, y, floors)[0], *fit_power_law(x, y))


def _measured(by):  # type: ignore[no-untyped-def]
    """Return the right search with another measure of how far a law is from the points."""

    def fit(x, y, floors):  # type: ignore[no-untyped-def]
        laws = [(floor, *fit_power_law(x, y - floor)) for floor in floors.tolist() if floor < y.min()]
        return min(laws, key=lambda law: by(x, y, *law))

    return fit


FLOOR = Exercise(
    id="17.6",
    title="A law that ends on a floor",
    difficulty=3,
    minutes=15,
    kind="further",
    reference=fit_with_floor,
    check=_check,
    hints=(
        "If somebody told you E, what would be left to do? Your 17.4 does it, with other points.",
        "Try every candidate in turn, and keep the law that misses the points least. Miss: of the *whole* law, "
        "E + a · x^-b, from y, in logarithms.",
        "A candidate that is not below the smallest y leaves nothing, or less, to take a logarithm of: pass it over.",
    ),
    mutants=(
        Mutant(_no_floor, "there is no floor here: with E = 0 the law goes down to nothing, and so bends too late"),
        Mutant(
            _highest, "the highest floor that is allowed was taken: try them all, and keep the one that misses least"
        ),
        Mutant(
            _floor_of_another, "a and b belong to y itself: with a floor they are those of what lies above it, y - E"
        ),
        Mutant(
            _measured(lambda x, y, E, a, b: ((y - E).log() - (a * x**-b).log()).square().sum().item()),
            "measured on what is left above the floor, log(y - E): another floor is then another ruler, and laws "
            "cannot be compared by it. Measure log y",
        ),
    ),
)
