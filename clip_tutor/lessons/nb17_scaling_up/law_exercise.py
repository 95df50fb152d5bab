"""Exercise 17.4: a law through a few runs, a power law that ends on a floor, the irreducible loss."""

import math

import torch

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe


def fit_power_law(x: torch.Tensor, y: torch.Tensor, floors: torch.Tensor) -> tuple[float, float, float]:
    """Return (E, a, b) of the law y = E + a · x^-b that is nearest to the points.

    E is one of ``floors`` (m,), of those that lie below every y. For each of them, a and b are those of the straight
    line nearest to the logarithms of x and y - E, by least squares. Of these laws, the nearest is the one with the
    smallest sum of squares of log y - log(E + a · x^-b). x and y are (n,), all above zero.
    """
    best, least = (0.0, 0.0, 0.0), math.inf
    log_x = x.double().log()
    steps = log_x - log_x.mean()
    for floor in floors.tolist():
        if floor >= y.min():
            continue
        log_rest = (y.double() - floor).log()
        b = -((steps * (log_rest - log_rest.mean())).sum() / steps.square().sum()).item()
        a = (log_rest.mean() + b * log_x.mean()).exp().item()
        missed = (y.log() - (floor + a * x**-b).log()).square().sum().item()
        if missed < least:
            best, least = (floor, a, b), missed
    return best


_NONE, _SOME = torch.zeros(1, dtype=torch.float64), torch.linspace(0, 2, 81, dtype=torch.float64)
_TRUE = (  # E, a, b, noise, how many points, and the floors to try
    (0.0, 2.0, 0.5, 0.0, 3, _NONE),
    (0.0, 3.0, 0.25, 0.2, 6, _NONE),
    (0.0, 5.0, -0.3, 0.2, 6, _NONE),
    (0.5, 2.0, 0.5, 0.03, 13, _SOME),
    (0.0, 3.0, 0.2, 0.03, 13, _SOME),
    (1.2, 4.0, 0.8, 0.03, 13, _SOME),
)


def _points(E: float, a: float, b: float, noise: float, count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    x = 10 ** torch.linspace(0, 4, count, dtype=torch.float64)
    misses = torch.randn(count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return x, (E + a * x**-b) * (noise * misses).exp()


def _check(fit: Attempt) -> str:
    for seed, (E, a, b, noise, count, floors) in enumerate(_TRUE):
        x, y = _points(E, a, b, noise, count, seed)
        value = fit(x, y, floors)
        demand(
            isinstance(value, tuple) and len(value) == 3,
            f"the result is {describe(value)}",
            "a tuple of three numbers: E, a and b",
        )
        right = fit_power_law(x, y, floors)
        close = [math.isclose(float(v), r, rel_tol=1e-3, abs_tol=1e-4) for v, r in zip(value, right, strict=True)]
        said, expected = (", ".join(f"{float(number):.3f}" for number in law) for law in (value, right))
        law = f"{f'{E} + ' if E else ''}{a:.0f} · x^{-b}"
        demand(
            all(close),
            f"(E, a, b) = ({said}) for {count} {'noisy ' if noise else ''}points of {law}, and {len(floors)} floors",
            f"({expected})",
        )
    return "power laws, exact and noisy, falling and rising; laws that end on a floor, and one that might and does not"


def _nearest(line, by=None):  # type: ignore[no-untyped-def]
    """Return the search over floors, with another line through the points, or another measure of how near a law is."""

    def measure(x, y, E, a, b):  # type: ignore[no-untyped-def]
        return (y.log() - (E + a * x**-b).log()).square().sum().item()

    def fit(x, y, floors):  # type: ignore[no-untyped-def]
        laws = [(E, *line(x, y - E)) for E in floors.tolist() if y.min() > E]
        return min(laws, key=lambda law: (by or measure)(x, y, *law))

    return fit


def _line(x, y):  # type: ignore[no-untyped-def]
    """Return (a, b) of the right power law without a floor."""
    return fit_power_law(x, y, _NONE)[1:]


def _straight(x, y):  # type: ignore[no-untyped-def]
    steps = x - x.mean()
    slope = (steps * (y - y.mean())).sum() / (steps**2).sum()
    return (y.mean() - slope * x.mean()).item(), -slope.item()


def _ends_only(x, y):  # type: ignore[no-untyped-def]
    b = -((y[-1] / y[0]).log() / (x[-1] / x[0]).log()).item()
    return y[0].item() * x[0].item() ** b, b


def _changed(change):  # type: ignore[no-untyped-def]
    """Return the right answer with a and b changed in the end."""

    def fit(x, y, floors):  # type: ignore[no-untyped-def]
        E, a, b = fit_power_law(x, y, floors)
        return (E, *change(a, b))

    return fit


def _highest(x, y, floors):  # type: ignore[no-untyped-def]
    E = max(one for one in floors.tolist() if one < y.min())
    return (E, *_line(x, y - E))


LAW = Exercise(
    id="17.4",
    title="A law from a few runs",
    difficulty=3,
    minutes=15,
    reference=fit_power_law,
    check=_check,
    hints=(
        "If somebody told you E, on what kind of curve would the logarithms of x and of y − E lie?",
        "On a line: log(y − E) = log a − b · log x. Its slope is −b, and at log x = 0 it stands at log a. The slope of "
        "the least-squares line is Σ (u − ū)(v − v̄) / Σ (u − ū)², with u = log x and v = log(y − E).",
        "Try every candidate in turn, pass over those that are not below the smallest y, and keep the law that misses "
        "the points least. Miss: of the *whole* law, E + a · x^-b, from y, in logarithms.",
    ),
    mutants=(
        Mutant(
            _changed(lambda a, b: (a, -b)),
            "that is the slope: the law is written with x to the power of minus b, so turn its sign",
        ),
        Mutant(
            _changed(lambda a, b: (math.log(a), b)), "the line stands at log a where log x is 0: take exp of it for a"
        ),
        Mutant(
            _changed(lambda a, b: (math.exp(math.log10(a)), b)),
            "log10 on the way in and exp on the way out: take 10 to the power of it, or log throughout",
        ),
        Mutant(
            _changed(lambda a, b: (a, 1 / b)),
            "x against y: b is how many logs y falls for each log of x, not the other way round",
        ),
        Mutant(
            lambda x, y, floors: (0.0, *_straight(x, y)),
            "a line through x and y themselves: a power law is a line only between their logarithms",
        ),
        Mutant(
            lambda x, y, floors: (0.0, math.exp(_straight(x, y.log())[0]), _straight(x, y.log())[1]),
            "only y became a logarithm: that fits an exponential, which falls by the same share for each step of x",
        ),
        Mutant(_nearest(_ends_only), "only the two ends were used: the points between them count as well"),
        Mutant(
            lambda x, y, floors: (0.0, *_line(x, y)),
            "there is no floor here: with E = 0 the law goes down to nothing, and so bends too late",
        ),
        Mutant(
            _highest, "the highest floor that is allowed was taken: try them all, and keep the one that misses least"
        ),
        Mutant(
            lambda x, y, floors: (fit_power_law(x, y, floors)[0], *_line(x, y)),
            "a and b belong to y itself: with a floor they are those of what lies above it, y - E",
        ),
        Mutant(
            _nearest(_line, by=lambda x, y, E, a, b: ((y - E).log() - (a * x**-b).log()).square().sum().item()),
            "measured on what is left above the floor, log(y - E): another floor is then another ruler, and laws "
            "cannot be compared by it. Measure log y",
        ),
    ),
)
