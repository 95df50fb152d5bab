"""Exercise 21.1: the spherical distance."""

import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same
from clip_tutor.lab.exercises.tried import with_gradients


def spherical_distance(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return (B,): for each row half the square of the angle between x and y, in radians.

    x is (B, E), the vectors of images, and y is (E,), that of a caption. Both may have any length: only their
    directions count. The angle is 2 · arcsin(chord / 2), with the chord between the two unit vectors. Two vectors that
    point the same way, or opposite ways, have a gradient too, and it is no NaN.
    """
    chord = (F.normalize(x, dim=-1) - F.normalize(y, dim=-1)).norm(dim=-1)  # (B,), from 0 to 2
    return 2 * (chord / 2).clamp(max=1 - 1e-6).arcsin() ** 2


def _vectors(B: int, E: int, seed: int) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(B, E, generator=random), 5 * torch.randn(E, generator=random)


def _check(distance: Attempt) -> str:
    for seed, (B, E) in enumerate(((4, 3), (1, 8), (6, 16))):
        x, y = _vectors(B, E, seed)
        answer = distance(x, y)
        value = answer[0] if isinstance(answer, tuple) else answer
        demand(
            isinstance(value, Tensor) and value.shape == (B,),
            f"the result is {describe(value)} for x ({B}, {E}) and y ({E},)",
            f"a tensor ({B},): one number for each image",
        )
        right, gradient, _ = with_gradients(spherical_distance, x, y)
        degrees = F.cosine_similarity(x, y, dim=-1).arccos().rad2deg()
        demand(
            same(value.detach(), right),
            f"{value[0]:.4f} for two vectors at an angle of {degrees[0]:.0f}°",
            f"{right[0]:.4f}, half the square of {degrees[0].deg2rad():.4f} radians",
        )
        demand(
            isinstance(answer, tuple) and answer[1] is not None,
            "the result does not remember where it came from",
            "a distance whose gradient reaches the image's vector",
            "`detach`, `item` and `no_grad` cut the way back, and without it nothing can climb",
        )
        demand(
            same(answer[1], gradient),
            "the gradient at x is another one",
            "that of half the squared angle",
            "the value is right, so a part of the way back was cut: by `detach`, `.data` or `no_grad`",
        )
    y = torch.tensor([1.0, 2.0, 2.0])
    for name, x in (("the same direction", 4 * y[None]), ("opposite directions", -y[None])):
        answer = distance(x, y)
        value = answer[0] if isinstance(answer, tuple) else answer
        wanted = 0.0 if float(x[0, 0]) > 0 else torch.pi**2 / 2
        demand(
            abs(float(value[0]) - wanted) < 0.02,
            f"{float(value[0]):.4f} for {name}",
            f"{wanted:.4f}",
        )
        finite = isinstance(answer, tuple) and all(one is None or bool(one.isfinite().all()) for one in answer[1:])
        demand(
            finite,
            f"the gradient is not finite for {name}",
            "a gradient of numbers",
            "the slopes of arcsin and arccos are infinite at 1: keep their argument a little below, with `clamp`",
        )
    return "vectors of any length, 3 to 16 numbers of them, the gradient, and both ends: 0 and π²/2"


def _of_chord(of):  # type: ignore[no-untyped-def]
    return lambda x, y: of((F.normalize(x, dim=-1) - F.normalize(y, dim=-1)).norm(dim=-1))


DISTANCE = Exercise(
    id="21.1",
    title="Spherical distance",
    difficulty=1,
    minutes=8,
    reference=spherical_distance,
    use=with_gradients,
    check=_check,
    hints=(
        "Three steps: unit length for both, the length of their difference, and from that chord the angle.",
        "`F.normalize(…, dim=-1)` gives unit length to each row, `.norm(dim=-1)` is the length of each row, and "
        "`.arcsin()` is the arc sine of each number.",
        "Half the square of 2 · arcsin(chord / 2) is 2 · arcsin(chord / 2)². For opposite vectors chord / 2 is 1: "
        "`.clamp(max=1 - 1e-6)` before the arcsin keeps its slope finite.",
    ),
    mutants=(
        Mutant(
            lambda x, y: 2 * ((x - y).norm(dim=-1) / 2).arcsin() ** 2,
            "the vectors have not been brought to unit length: their lengths count, and beyond 2 there is no arcsin",
        ),
        Mutant(_of_chord(lambda c: 2 * c.clamp(max=1).arcsin() ** 2), "the arcsin of the chord: of half of it"),
        Mutant(
            _of_chord(lambda c: 2 * c.clamp(max=1 - 1e-6).arcsin() ** 2),
            "the arcsin of the whole chord, cut off a little below 1: it is the arcsin of half of it",
        ),
        Mutant(
            _of_chord(lambda c: (c / 2).clamp(max=1 - 1e-6).arcsin() ** 2),
            "the square of half the angle: half the square of the angle is twice as much",
        ),
        Mutant(
            _of_chord(lambda c: 2 * (c / 2).clamp(max=1 - 1e-6).arcsin()), "that is the angle: take half its square"
        ),
        Mutant(
            _of_chord(lambda c: 4 * (c / 2).clamp(max=1 - 1e-6).arcsin() ** 2), "the whole square of the angle: half it"
        ),
        Mutant(
            lambda x, y: 1 - F.cosine_similarity(x, y, dim=-1),
            "1 − cosine, which is half the square of the chord: take the angle's, whose slope does not fall beyond 90°",
        ),
        Mutant(
            _of_chord(lambda c: 2 * (c / 2).arcsin() ** 2),
            "right but for opposite vectors: the slope of arcsin at 1 is infinite. Keep its argument a little below 1, "
            "with `clamp`",
        ),
        Mutant(
            lambda x, y: spherical_distance(x, y).mean(), "the mean of all: give one number for each image, in a tensor"
        ),
    ),
)
