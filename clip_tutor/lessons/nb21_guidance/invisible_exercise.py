"""Exercise 21.6: a step that stays close to an image, of projected gradient descent."""

import torch
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same


def nearby_step(
    pixels: torch.Tensor, gradient: torch.Tensor, origin: torch.Tensor, rate: float, reach: float
) -> torch.Tensor:
    """Return the pixels after one step downhill that never leads far from the image at which it all began.

    pixels, gradient and origin are (B, 3, H, W); the gradient is that of a loss, which is to become smaller. Each
    number moves by exactly ``rate`` against the sign of its gradient, and not at all where the gradient is 0. Then each
    number is brought back to where it may be: at most ``reach`` away from that of the origin, and from 0 to 1.
    """
    moved = pixels - rate * gradient.sign()
    near = origin + (moved - origin).clamp(-reach, reach)
    return near.clamp(0, 1)


def _case(B: int, seed: int, rate: float, reach: float) -> tuple[Tensor, Tensor, Tensor, float, float]:
    random = torch.Generator().manual_seed(seed)
    origin = torch.rand(B, 3, 4, 5, generator=random).round(decimals=1)  # some numbers are 0 or 1
    pixels = (origin + reach * (2 * torch.rand(origin.shape, generator=random) - 1)).clamp(0, 1)
    gradient = 3 * torch.randn(origin.shape, generator=random)
    gradient[..., 0] = 0
    return pixels, gradient, origin, rate, reach


def _check(step: Attempt) -> str:
    for seed, (B, rate, reach) in enumerate(((1, 0.05, 0.03), (2, 0.05, 0.06), (1, 0.2, 0.5))):
        case = _case(B, seed, rate, reach)
        pixels, _, origin = case[:3]
        answer, right = step(*case), nearby_step(*case)
        demand(
            isinstance(answer, Tensor) and answer.shape == pixels.shape,
            f"the result is {describe(answer)}",
            f"a tensor {tuple(pixels.shape)}",
        )
        lost = int((~answer.isfinite()).sum())
        demand(
            not lost,
            f"{lost} numbers are no numbers",
            "a number for each",
            "a gradient of 0 was divided by its size, which gives 0 / 0: `.sign()` of 0 is 0",
        )
        far = (answer - origin).abs().max().item()
        demand(far <= reach + 1e-5, f"a number lies {far:.3f} from the origin's", f"{reach:g} at most")
        demand(
            bool((answer >= 0).all() and (answer <= 1).all()),
            f"pixels from {answer.min():.2f} to {answer.max():.2f}",
            "pixels from 0 to 1",
        )
        demand(
            same(answer, right),
            f"other pixels with a rate of {rate:g} and a reach of {reach:g}",
            "a move by the rate, and then the nearest number that is allowed",
        )
    return "three images: the size of the move, its direction, gradients of 0, the reach, and 0 to 1"


def _with(moved, allowed):  # type: ignore[no-untyped-def]
    return lambda pixels, gradient, origin, rate, reach: allowed(moved(pixels, gradient, rate), pixels, origin, reach)


def _right_move(pixels: Tensor, gradient: Tensor, rate: float) -> Tensor:
    return pixels - rate * gradient.sign()


def _right_place(moved: Tensor, pixels: Tensor, origin: Tensor, reach: float) -> Tensor:
    return (origin + (moved - origin).clamp(-reach, reach)).clamp(0, 1)


def _shortened(moved: Tensor, pixels: Tensor, origin: Tensor, reach: float) -> Tensor:
    change = moved - origin
    return (origin + change * min(1.0, reach / change.norm().item())).clamp(0, 1)


INVISIBLE = Exercise(
    id="21.6",
    title="A change that nobody sees",
    difficulty=2,
    minutes=12,
    kind="further",
    reference=nearby_step,
    check=_check,
    hints=(
        "Two things, one after the other: a move, and a way back to what is allowed. `.sign()` makes every move "
        "equally large.",
        "How far it has gone is `moved - origin`, measured from where it all began, not from where this step began. "
        "Clamp that to ±reach, and add it to the origin again.",
        "`(origin + (moved - origin).clamp(-reach, reach)).clamp(0, 1)`",
    ),
    mutants=(
        Mutant(_with(lambda p, g, r: p + r * g.sign(), _right_place), "uphill: the loss is to become smaller"),
        Mutant(
            _with(lambda p, g, r: p - r * g, _right_place),
            "the gradient itself: where it is small, nothing would move. Take its sign",
        ),
        Mutant(
            _with(_right_move, lambda m, p, o, reach: m.clamp(0, 1)),
            "nothing keeps the pixels near the origin: after many steps the change would be seen",
        ),
        Mutant(
            _with(_right_move, lambda m, p, o, reach: (p + (m - p).clamp(-reach, reach)).clamp(0, 1)),
            "the reach was measured from where this step began: many steps lead anywhere. Measure from the origin",
        ),
        Mutant(
            _with(_right_move, lambda m, p, o, reach: o + (m - o).clamp(-reach, reach)),
            "nothing keeps the pixels between 0 and 1: no screen shows others",
        ),
        Mutant(
            _with(_right_move, _shortened),
            "the whole change was shortened: each number has a reach of its own",
        ),
        Mutant(
            _with(lambda p, g, r: p - r * g / g.abs().max(), _right_place),
            "the largest move is as long as the rate, the others are shorter: the sign makes all alike",
        ),
        Mutant(
            lambda pixels, gradient, origin, rate, reach: nearby_step(origin, gradient, origin, rate, reach),
            "the step begins at the origin: it begins where the last one has led to, and that is pixels",
        ),
        Mutant(
            _with(_right_move, lambda m, p, o, reach: (m - o).clamp(-reach, reach)),
            "that is the change alone: add it to the origin",
        ),
        Mutant(
            _with(
                lambda p, g, r: p - r * torch.where(g < 0, -1.0, 1.0),
                _right_place,
            ),
            "where the gradient is 0 nothing is to move: `sign()` of 0 is 0",
        ),
    ),
)
