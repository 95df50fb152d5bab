"""Two exercises of notebook 17: places for a finer grid of patches, and a power law through a few runs."""

import math

import torch
import torch.nn.functional as F

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same

# ---------------------------------------------------------------------------------------------------------------- 17.5


def resized_pos_embed(positions: torch.Tensor, side: int) -> torch.Tensor:
    """Return (1 + side², D): position vectors for a grid of side × side patches, from (1 + N, D) for a smaller one.

    Row 0 belongs to the class token, which has no place, and stays as it is. The other N lie row by row in a square.
    Between them, bicubic interpolation: mode="bicubic", align_corners=False, antialias=True.
    """
    before = round((len(positions) - 1) ** 0.5)
    grid = positions[1:].reshape(1, before, before, -1).permute(0, 3, 1, 2)  # (1, D, before, before)
    grid = F.interpolate(grid, size=(side, side), mode="bicubic", align_corners=False, antialias=True)
    return torch.cat([positions[:1], grid.flatten(2)[0].T])


def _check_positions(resized: Attempt) -> str:
    cases = []
    for before, side, D, seed in ((3, 3, 2, 0), (3, 4, 2, 1), (2, 5, 3, 2), (4, 7, 1, 3)):
        positions = torch.randn(1 + before**2, D, generator=torch.Generator().manual_seed(seed))
        cases.append((before, side, positions, resized(positions, side)))
    for before, side, positions, value in cases:
        demand(
            isinstance(value, torch.Tensor) and value.shape == (1 + side**2, positions.shape[1]),
            f"the result is {describe(value)} for a grid of {side} × {side}",
            f"a tensor {(1 + side**2, positions.shape[1])}: the class token, and a row for each patch",
        )
        demand(
            same(value[0], positions[0]),
            f"row 0 became {[round(number, 2) for number in value[0].tolist()]}",
            f"{[round(number, 2) for number in positions[0].tolist()]}: the class token's stays",
        )
        right = resized_pos_embed(positions, side)
        worst = (value - right).abs().max()
        demand(
            same(value, right),
            f"from {before} × {before} to {side} × {side} places, numbers that are up to {worst:.2f} off",
            "0.00 off",
        )
    return "the class token's row untouched, 3 × 3 places unchanged, and 4 × 4, 5 × 5 and 7 × 7 in between"


def _grid_by(mode, **how):  # type: ignore[no-untyped-def]
    def resized(positions, side):  # type: ignore[no-untyped-def]
        before = round((len(positions) - 1) ** 0.5)
        grid = positions[1:].reshape(1, before, before, -1).permute(0, 3, 1, 2)
        grid = F.interpolate(grid, size=(side, side), mode=mode, **how)
        return torch.cat([positions[:1], grid.flatten(2)[0].T])

    return resized


def _unordered(positions, side):  # type: ignore[no-untyped-def]
    before = round((len(positions) - 1) ** 0.5)
    grid = F.interpolate(positions[1:].reshape(1, -1, before, before), size=(side, side), mode="bicubic")
    return torch.cat([positions[:1], grid.reshape(side**2, -1)])


def _as_a_line(positions, side):  # type: ignore[no-untyped-def]
    line = F.interpolate(positions[1:].T[None], size=side**2, mode="linear")
    return torch.cat([positions[:1], line[0].T])


def _turned(positions, side):  # type: ignore[no-untyped-def]
    rows = resized_pos_embed(positions, side)[1:].reshape(side, side, -1)
    return torch.cat([positions[:1], rows.transpose(0, 1).flatten(0, 1)])


POSITIONS = Exercise(
    id="17.5",
    title="Positions for a finer grid",
    difficulty=2,
    minutes=12,
    reference=resized_pos_embed,
    check=_check_positions,
    hints=(
        "Which row has no place in the image? Set it aside. How many patches has a side of the old grid?",
        "The D numbers of a place are like the channels of a pixel: `F.interpolate` wants (1, D, height, width).",
        "`positions[1:].reshape(1, n, n, D).permute(0, 3, 1, 2)` before, `.flatten(2)[0].T` after; then row 0 on top.",
    ),
    mutants=(
        Mutant(
            lambda p, s: resized_pos_embed(p, s)[1:], "the class token's row is gone: put it back on top of the others"
        ),
        Mutant(
            lambda p, s: torch.cat([resized_pos_embed(p, s)[1:], p[:1]]),
            "the class token's row is at the end: the tower reads it from row 0",
        ),
        Mutant(
            _unordered,
            "reshape alone mixes the D numbers of a place with its neighbors': reshape to (1, n, n, D) first, then "
            "permute",
        ),
        Mutant(_as_a_line, "interpolated along one long line: the end of a row is no neighbor of the next row's start"),
        Mutant(_turned, "rows and columns have changed places: the image would be mirrored at its diagonal"),
        Mutant(_grid_by("nearest"), "nearest gives neighbors the same place: nothing would lie between"),
        Mutant(
            _grid_by("bilinear", align_corners=False), "bilinear, and not bicubic: close, but not what was agreed upon"
        ),
        Mutant(
            _grid_by("bicubic", align_corners=False),
            "antialias is missing: without it torch takes another bicubic curve, and skips positions where a grid "
            "shrinks",
        ),
        Mutant(
            _grid_by("bicubic", align_corners=True),
            "align_corners=True puts the outermost patches' centers on the old ones': patches cover the image to its "
            "edge, so leave it False",
        ),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 17.4


def fit_power_law(x: torch.Tensor, y: torch.Tensor) -> tuple[float, float]:
    """Return (a, b) of the power law y = a · x^-b that is nearest to the points, by least squares on their logarithms.

    x and y are (n,), all above zero. Where y falls, b is positive.
    """
    log_x, log_y = x.double().log(), y.double().log()
    steps = log_x - log_x.mean()
    slope = (steps * (log_y - log_y.mean())).sum() / (steps**2).sum()
    return (log_y.mean() - slope * log_x.mean()).exp().item(), -slope.item()


def _check_fit(fit: Attempt) -> str:
    x = torch.tensor([1.0, 4.0, 16.0])
    answers = [fit(x, 2 * x**-0.5)]
    random = torch.Generator().manual_seed(0)
    for a, b in ((3.0, 0.25), (0.7, 1.1), (5.0, -0.3)):
        x = 10 ** torch.linspace(0.5, 3, 6)
        answers.append(fit(x, a * x**-b * (0.2 * torch.randn(6, generator=random)).exp()))
    demand(
        all(isinstance(value, tuple) and len(value) == 2 for value in answers),
        f"the result is {describe(answers[0])}",
        "a tuple of two numbers, a and b",
    )
    for ((x, y), _), value in zip(fit.calls, answers, strict=True):
        a, b = (float(number) for number in value)
        right_a, right_b = fit_power_law(x, y)
        demand(
            math.isclose(a, right_a, rel_tol=1e-3) and math.isclose(b, right_b, rel_tol=1e-3, abs_tol=1e-4),
            f"a = {a:.3f}, b = {b:.3f} for {len(x)} points, the first at x = {x[0]:.1f}, y = {y[0]:.3f}",
            f"a = {right_a:.3f}, b = {right_b:.3f}",
        )
    return "an exact law, two noisy ones, and one that rises"


def _line(x, y):  # type: ignore[no-untyped-def]
    steps = x - x.mean()
    slope = (steps * (y - y.mean())).sum() / (steps**2).sum()
    return (y.mean() - slope * x.mean()).item(), -slope.item()


def _ends_only(x, y):  # type: ignore[no-untyped-def]
    b = -((y[-1] / y[0]).log() / (x[-1] / x[0]).log()).item()
    return y[0].item() * x[0].item() ** b, b


LAW = Exercise(
    id="17.4",
    title="A law from a few runs",
    difficulty=2,
    minutes=12,
    reference=fit_power_law,
    check=_check_fit,
    hints=(
        "Take the logarithm of both sides of y = a · x^-b. What kind of curve is that?",
        "A line: log y = log a − b · log x. Its slope is −b, and at log x = 0 it stands at log a.",
        "The slope of the least-squares line is Σ (u − ū)(v − v̄) / Σ (u − ū)², with u = log x and v = log y.",
    ),
    mutants=(
        Mutant(
            lambda x, y: (fit_power_law(x, y)[0], -fit_power_law(x, y)[1]),
            "that is the slope: the law is written with x to the power of minus b, so turn its sign",
        ),
        Mutant(
            lambda x, y: (math.log(fit_power_law(x, y)[0]), fit_power_law(x, y)[1]),
            "the line stands at log a where log x is 0: take exp of it",
        ),
        Mutant(
            lambda x, y: (math.exp(math.log10(fit_power_law(x, y)[0])), fit_power_law(x, y)[1]),
            "log10 on the way in and exp on the way out: take 10 to the power of it, or log throughout",
        ),
        Mutant(_line, "a line through x and y themselves: a power law is a line only between their logarithms"),
        Mutant(
            lambda x, y: (math.exp(_line(x, y.log())[0]), _line(x, y.log())[1]),
            "only y became a logarithm: that fits an exponential, which falls by the same share for each step of x",
        ),
        Mutant(
            lambda x, y: (fit_power_law(x, y)[0], 1 / fit_power_law(x, y)[1]),
            "x against y: b is how many logs y falls for each log of x, not the other way round",
        ),
        Mutant(_ends_only, "only the two ends were used: the points between them count as well"),
    ),
)
