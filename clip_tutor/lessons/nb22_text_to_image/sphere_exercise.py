"""Exercise 22.9: from one embedding to another on the sphere."""

import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe
from clip_tutor.lab.exercises.modules import in_words, random_tensor


def my_interpolate(start: torch.Tensor, end: torch.Tensor, share: float) -> torch.Tensor:
    """Return (B, E), unit vectors: for each pair the point on the shorter arc from start to end.

    start and end are (B, E), unit vectors, no two of them opposite to each other. share says how far along the arc: 0
    is the start and 1 the end; at 0.5 the angle to both is half of theirs.
    With the angle ω between two of them the point is (sin((1 - share) · ω) · start + sin(share · ω) · end) / sin(ω).
    Where the two are the same, it is the start.
    """
    angle = (start * end).sum(dim=1, keepdim=True).clamp(-1, 1).arccos()  # (B, 1)
    between = (((1 - share) * angle).sin() * start + (share * angle).sin() * end) / angle.sin()
    return torch.where(angle.sin() < 1e-6, start, between)


_BEYOND = torch.tensor([[0.0, 1.0000001, 0.0]])  # a unit vector but for rounding: its product with itself is beyond 1


def _check_arc(interpolate: Attempt) -> str:
    B, E = 3, 3  # as many as there are numbers in each: a wrong broadcast raises no error
    start, end = (F.normalize(random_tensor(B, E, seed=seed), dim=-1) for seed in (0, 1))
    for share in (0.0, 0.25, 0.5, 0.9, 1.0):
        _compare(interpolate, start, end, share)
    _compare(interpolate, start, -end, 0.25)  # angles beyond 90 degrees
    _compare(interpolate, start, F.normalize(start + 0.2 * end, dim=-1), 0.5)  # and small ones
    _compare(interpolate, torch.eye(3)[:1], torch.eye(3)[:1], 0.3)  # a product of exactly 1
    _compare(interpolate, _BEYOND, _BEYOND, 0.3)
    _compare(interpolate, start, torch.cat([start[:1], end[1:]]), 0.5)
    return "five places on the way, arcs of different length, and two embeddings that are the same"


def _compare(interpolate: Attempt, start: Tensor, end: Tensor, share: float) -> None:
    found, right = interpolate(start, end, share), my_interpolate(start, end, share)
    demand(
        isinstance(found, Tensor) and found.shape == right.shape,
        f"the result is {describe(found)} for {len(start)} pairs",
        f"a tensor {tuple(right.shape)}",
    )
    for b in range(len(start)):
        angle = (start[b] @ end[b]).clamp(-1, 1).arccos().rad2deg()
        demand(
            torch.allclose(found[b], right[b], atol=1e-4),
            f"({in_words(found[b], right[b])}), of length {found[b].norm():.3f}, at share {share:g} of an arc of "
            f"{angle:.0f} degrees",
            f"({in_words(right[b], found[b])}), of length 1",
        )


def _with(angle=None, point=None, end=None):  # type: ignore[no-untyped-def]
    """Return an answer with another angle, other factors, or a fallback other than the start."""
    angle = angle or (lambda cosine: cosine.clamp(-1, 1).arccos())
    point = point or (lambda a, b, w, s: (((1 - s) * w).sin() * a + (s * w).sin() * b) / w.sin())
    end = end or (lambda start, w, between: torch.where(w.sin() < 1e-6, start, between))

    def answer(start, goal, share):  # type: ignore[no-untyped-def]
        w = angle((start * goal).sum(dim=1, keepdim=True))
        return end(start, w, point(start, goal, w, share))

    return answer


SPHERE = Exercise(
    id="22.9",
    title="On the sphere",
    difficulty=2,
    minutes=10,
    reference=my_interpolate,
    check=_check_arc,
    hints=(
        "The angle is the arccos of the product of two unit vectors. Keep it as (B, 1), with `keepdim=True`.",
        "Rounding may give a product of 1.0000001, whose arccos is no number: `.clamp(-1, 1)` first.",
        "Where start and end are the same, sin(ω) is 0: `torch.where(angle.sin() < 1e-6, start, between)`.",
    ),
    mutants=(
        Mutant(
            _with(point=lambda a, b, w, s: (1 - s) * a + s * b),
            "a straight line: between the two it runs inside the sphere, and its points are shorter than 1",
        ),
        Mutant(
            _with(point=lambda a, b, w, s: F.normalize((1 - s) * a + s * b, dim=-1)),
            "a straight line brought back to length 1: the right arc, but at another speed, fastest in the middle",
        ),
        Mutant(
            _with(point=lambda a, b, w, s: ((s * w).sin() * a + ((1 - s) * w).sin() * b) / w.sin()),
            "the way was walked from the end: share is 0 at the start",
        ),
        Mutant(
            _with(point=lambda a, b, w, s: ((1 - s) * w).sin() * a + (s * w).sin() * b),
            "it was not divided by sin(ω): the length is not 1",
        ),
        Mutant(
            _with(point=lambda a, b, w, s: (((1 - s) * w).cos() * a + (s * w).cos() * b) / w.sin()),
            "a cosine in the place of a sine",
        ),
        Mutant(
            _with(angle=lambda cosine: cosine),
            "the product of the two was taken for the angle: its arccos is the angle",
        ),
        Mutant(
            _with(angle=lambda cosine: cosine.arccos()),
            "no number where rounding makes the product of two equal vectors 1.0000001: clamp it before the arccos",
        ),
        Mutant(
            _with(angle=lambda cosine: cosine.abs().clamp(max=1).arccos()),
            "the sign of the product was lost: between 90 and 180 degrees it is negative",
        ),
        Mutant(
            _with(angle=lambda cosine: cosine.clamp(0, 1).arccos()),
            "the product was cut off at 0: beyond 90 degrees it is negative",
        ),
        Mutant(
            lambda start, end, share: my_interpolate(
                start, torch.where((start * end).sum(dim=1, keepdim=True) < 0, -end, end), share
            ),
            "where the product was negative the end was turned round, as one may with rotations: -end is another "
            "embedding",
        ),
        Mutant(
            _with(angle=lambda cosine: cosine.clamp(-1, 1).arccos().mean()),
            "one angle for all pairs: each has its own, (B, 1)",
        ),
        Mutant(
            _with(
                point=lambda a, b, w, s: (((1 - s) * w).sin() * a + (s * w).sin() * b) / (w.sin() + 1e-9),
                end=lambda start, w, between: between,
            ),
            "zero where start and end are the same: nothing is divided by 0 any more, but the start is meant there",
        ),
        Mutant(
            _with(end=lambda start, w, between: between),
            "0 / 0 where start and end are the same: the start is meant there",
        ),
    ),
)
