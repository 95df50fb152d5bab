"""Exercise 17.3: a loss scale that finds its own size, between gradients that vanish and gradients that overflow."""

import math
from typing import Any

import torch

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same

SKIPPED = "skipped"
UNIT = 2.0**-24  # the smallest float16 above 0: gradients are compared in it, or tiny ones would count as equal


class LossScaler:
    """The number that a loss is multiplied by, so that its gradients fit into float16. It finds its own size.

    ``scale`` is the one that the next step takes.
    """

    def __init__(self, scale: float = 2.0**16, interval: int = 2000) -> None:
        """Begin with this scale; after ``interval`` good steps in a row it is doubled."""
        self.scale, self.interval, self.good = scale, interval, 0

    def scaled(self, loss: torch.Tensor) -> torch.Tensor:
        """Return the loss times the scale, in float32, its graph behind it: ready for ``backward()``."""
        return loss.float() * self.scale

    def gradients(self, halves: list[torch.Tensor]) -> list[torch.Tensor] | None:
        """Return the gradients of the loss in float32, from the float16 gradients of the *scaled* loss, one a weight.

        Where any number is not finite, return None (no weight may move), and halve the scale. Else the step is good.
        """
        if any(not half.isfinite().all() for half in halves):
            self.scale, self.good = self.scale / 2, 0
            return None
        found = [half.float() / self.scale for half in halves]
        self.good += 1
        if self.good == self.interval:
            self.scale, self.good = 2 * self.scale, 0
        return found


def _use(kind: Any, scale: float, interval: int, loss: torch.Tensor, *steps: torch.Tensor) -> Any:
    """Return the scaled loss, its slope, and for each step, (2, n) float16, what came out and the scale after it."""
    scaler = kind(scale, interval)
    scaled = scaler.scaled(loss)
    slope = torch.autograd.grad(scaled, loss)[0].item() if scaled.requires_grad else 0.0
    told = []
    for step in steps:
        found = scaler.gradients(list(step))
        told.append((SKIPPED if found is None else torch.stack(list(found)) / UNIT, float(scaler.scale)))
    return (scaled.detach(), slope, *told)


def _half(*rows: tuple[float, float]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float16)


_SMALL, _LARGE = _half((2e-5, 0.5), (1.0, -3.0)), _half((1e-4, 7.0), (300.0, -6e4))
_INFINITE, _NAN = _half((1.0, 2.0), (math.inf, 0.0)), _half((math.nan, 1.0), (2.0, 2.0))
_CASES = (
    (1024.0, 3, 100.0, (_SMALL, _LARGE, _INFINITE, _SMALL, _LARGE, _SMALL, _LARGE, _NAN, _SMALL)),
    (4096.0, 1, 20.0, (_NAN, _SMALL, _LARGE, _INFINITE, _INFINITE, _SMALL)),
)


def _check(scaler: Attempt) -> str:
    for scale, interval, value, steps in _CASES:
        loss = torch.tensor(value, dtype=torch.float16, requires_grad=True)
        scaled, slope, *told = scaler(scale, interval, loss, *steps)
        right_scaled, right_slope, *right = _use(LossScaler, scale, interval, loss, *steps)
        demand(
            same(scaled, right_scaled),
            f"a loss of {value:.0f}, scaled by {scale:,.0f}, is {describe(scaled)} ({scaled.dtype})",
            f"{describe(right_scaled)} ({right_scaled.dtype})",
        )
        demand(
            slope == right_slope,
            f"the scaled loss grows by {slope:g} where the loss grows by 1",
            f"by {right_slope:g}, so that each gradient is that many times as large",
        )
        for n, ((seen, after), (expected, right_after)) in enumerate(zip(told, right, strict=True), start=1):
            where = f"step {n} (doubled after {interval} good ones)"
            demand(
                (seen is SKIPPED) == (expected is SKIPPED),
                f"{where}: {'skipped' if seen is SKIPPED else 'gradients came back'}",
                "None: a number was not finite" if expected is SKIPPED else "gradients: all numbers were finite",
            )
            demand(same(seen, expected), f"{where}: {_numbers(seen)}", _numbers(expected))
            demand(after == right_after, f"{where}: the scale is then {after:g}", f"{right_after:g}")
    return "small gradients kept, infinities and NaN skipped, the scale halved, and doubled after good steps in a row"


def _numbers(found: Any) -> str:
    if not isinstance(found, torch.Tensor):
        return str(found)
    return f"{', '.join(f'{number * UNIT:.2e}' for number in found.flatten().tolist())} ({found.dtype})"


class _HalfLoss(LossScaler):
    def scaled(self, loss):  # type: ignore[no-untyped-def]
        return loss * self.scale


class _Detached(LossScaler):
    def scaled(self, loss):  # type: ignore[no-untyped-def]
        return torch.tensor(loss.item() * self.scale)


class _DividesInHalf(LossScaler):
    def gradients(self, halves):  # type: ignore[no-untyped-def]
        before = self.scale
        found = super().gradients(halves)
        return None if found is None else [(half / before).float() for half in halves]


class _NeverDivides(LossScaler):
    def gradients(self, halves):  # type: ignore[no-untyped-def]
        found = super().gradients(halves)
        return None if found is None else [half.float() for half in halves]


class _DividesByTheNext(LossScaler):
    def gradients(self, halves):  # type: ignore[no-untyped-def]
        found = super().gradients(halves)
        return None if found is None else [half.float() / self.scale for half in halves]


class _MissesNaN(LossScaler):
    def gradients(self, halves):  # type: ignore[no-untyped-def]
        if any(half.isinf().any() for half in halves):
            return super().gradients(halves)
        return [found + half.float() * 0 for found, half in zip(self._finite(halves), halves, strict=True)]

    def _finite(self, halves):  # type: ignore[no-untyped-def]
        found = super().gradients([half.nan_to_num() for half in halves])
        assert found is not None
        return found


class _FirstOnly(LossScaler):
    def gradients(self, halves):  # type: ignore[no-untyped-def]
        if not halves[0].isfinite().all():
            return super().gradients(halves)
        before = self.scale
        super().gradients([half.nan_to_num() for half in halves])
        return [half.float() / before for half in halves]


class _Repairs(LossScaler):
    def gradients(self, halves):  # type: ignore[no-untyped-def]
        before = self.scale
        super().gradients(halves)
        return [half.float().nan_to_num(0.0, 0.0, 0.0) / before for half in halves]


class _NeverGrows(LossScaler):
    def gradients(self, halves):  # type: ignore[no-untyped-def]
        self.interval = 10**9
        return super().gradients(halves)


class _CountsAll(LossScaler):
    def gradients(self, halves):  # type: ignore[no-untyped-def]
        good = self.good
        found = super().gradients(halves)
        if found is None:
            self.good = good
        return found


class _KeepsCounting(LossScaler):
    def gradients(self, halves):  # type: ignore[no-untyped-def]
        found = super().gradients(halves)
        if found is not None and self.good == 0:
            self.good = self.interval - 1
        return found


class _SkipsAlone(LossScaler):
    def gradients(self, halves):  # type: ignore[no-untyped-def]
        before = self.scale
        found = super().gradients(halves)
        if found is None:
            self.scale = before
        return found


SCALER = Exercise(
    id="17.3",
    title="A loss scale that finds its own size",
    difficulty=2,
    minutes=15,
    reference=LossScaler,
    check=_check,
    use=_use,
    hints=(
        "Three methods and three numbers to remember: the scale, the interval, and how many good steps came in a row. "
        "Which of them changes when?",
        "`half.isfinite().all()` is True where a tensor holds neither an infinity nor NaN. One bad tensor spoils the "
        "whole step. In which type do you divide, if what comes out may be smaller than float16 can hold?",
        "After a bad step: halve the scale, forget the good ones, return None. After a good one: divide (by the scale "
        "that this step was taken with), count, and if `interval` is reached, double and count from 0.",
    ),
    mutants=(
        Mutant(_HalfLoss, "the product was computed in float16, whose largest number is 65,504: `loss.float()` first"),
        Mutant(_Detached, "the graph is gone: a number made anew has nothing behind it to send gradients to"),
        Mutant(_DividesInHalf, "divided in float16: what was saved from becoming 0 becomes 0 now. First `.float()`"),
        Mutant(_NeverDivides, "the gradients are still those of the scaled loss: divide them by the scale"),
        Mutant(
            _DividesByTheNext,
            "divided by the scale of the next step: it was doubled first. Divide by the one that this step had",
        ),
        Mutant(_MissesNaN, "NaN went through: `isinf` does not see it, `isfinite` sees both"),
        Mutant(_FirstOnly, "only the first tensor was looked at: one bad number anywhere spoils the step"),
        Mutant(
            _Repairs,
            "infinities and NaN were replaced by 0: then some weights move and others do not, a step that nobody asked "
            "for. Return None",
        ),
        Mutant(_NeverGrows, "the scale never grows: after one unlucky step small gradients would be lost for ever"),
        Mutant(_CountsAll, "the good steps are to come in a row: a bad one begins the count anew"),
        Mutant(_KeepsCounting, "once doubled, the scale is doubled after each step: begin to count from 0 again"),
        Mutant(_SkipsAlone, "the step was skipped, and the scale left as it was: the next one overflows, too"),
    ),
)
