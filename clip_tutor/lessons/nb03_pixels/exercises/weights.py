"""03.1: how much each old pixel counts in each new one."""

from collections.abc import Callable

import torch

from clip_tutor.images.resizing import cubic, triangle
from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe

CASES = (
    *((6, 3, triangle), (4, 2, triangle), (5, 5, triangle), (3, 6, triangle)),
    *((7, 3, cubic), (5, 1, cubic), (4, 9, cubic), (64, 24, cubic)),
)


def resize_weights(old: int, new: int, kernel: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """Return weights (new, old), float64: how much each old pixel counts in each new one. Each row sums to 1.

    kernel takes distances and returns a weight for each, as `triangle` and `cubic` do. To shrink a row, it is made
    wider, by as much as the row gets shorter; to enlarge one it stays as it is. Pixel i has its middle at i + 1/2.
    """
    scale = old / new
    stretch = max(scale, 1.0)
    centers = (torch.arange(new, dtype=torch.float64) + 0.5) * scale  # (new,), in old pixels
    distances = torch.arange(old, dtype=torch.float64) + 0.5 - centers[:, None]  # (new, old)
    weights = kernel(distances / stretch)
    return weights / weights.sum(dim=1, keepdim=True)


def _check(weights_of: Attempt) -> str:
    weights = weights_of(6, 3, triangle)
    demand(
        isinstance(weights, torch.Tensor) and weights.shape == (3, 6),
        f"the result is {describe(weights)}",
        "a tensor (3, 6) for resize_weights(6, 3, triangle): a row for each new pixel, a column for each old one",
    )
    demand(
        weights.dtype == torch.float64,
        f"{weights.dtype}",
        "torch.float64",
        "torch.arange(new, dtype=torch.float64): between hundreds of pixels, float32 loses digits of a distance",
    )
    for old, new, kernel in CASES:
        weights, right = weights_of(old, new, kernel), resize_weights(old, new, kernel)
        name = f"resize_weights({old}, {new}, {kernel.__name__})"
        sums = weights.sum(dim=-1)
        demand(
            torch.allclose(sums, torch.ones_like(sums)),
            f"the rows of {name} sum to {_rounded(sums)}",
            "1 each: a row of one color keeps its color",
        )
        wrong = int((weights - right).abs().amax(dim=1).argmax()) if weights.shape == right.shape else 0
        demand(
            weights.shape == right.shape and torch.allclose(weights, right, atol=1e-6),
            f"row {wrong} of {name} begins with {_rounded(weights[wrong])}",
            f"{_rounded(right[wrong])}",
        )
    return "rows that sum to 1; shrinking by whole and fractional factors, enlarging, and no change; both kernels"


def _rounded(values: torch.Tensor) -> list[float]:
    return [round(value, 3) for value in values[:6].tolist()]


def _general(old, new, kernel, stretch=None, half=0.5, corners=False, dim=1):  # type: ignore[no-untyped-def]
    """Return weights with one thing or another done differently: what the known mistakes have in common."""
    scale = (old - 1) / max(new - 1, 1) if corners else old / new
    centers = (torch.arange(new, dtype=torch.float64) + half) * scale
    distances = torch.arange(old, dtype=torch.float64) + half - centers[:, None]
    weights = kernel(distances / (max(scale, 1.0) if stretch is None else stretch))
    return weights if dim is None else weights / weights.sum(dim=dim, keepdim=True)


WEIGHTS = Exercise(
    id="03.1",
    title="The weights of a resize",
    difficulty=2,
    minutes=15,
    reference=resize_weights,
    check=_check,
    kept=True,
    hints=(
        "Work in old pixels. New pixel i stands for the piece from i · r to (i + 1) · r. Where is the middle of it?",
        "`centers[:, None]` is (new, 1); taken from the (old,) middles of the old pixels, it gives all (new, old) "
        "distances at once.",
        "A wider kernel is the same kernel of smaller distances: `kernel(distances / stretch)`, and `stretch` is never "
        "below 1. Then divide each row by its sum.",
    ),
    mutants=(
        Mutant(
            lambda old, new, kernel: _general(old, new, kernel, stretch=1.0),
            "the kernel is as narrow as for enlarging: of 6 old pixels most would count for nothing. Stretch it by "
            "old / new",
        ),
        Mutant(
            lambda old, new, kernel: _general(old, new, kernel, stretch=old / new),
            "right for shrinking; but where the row gets longer, a kernel made narrower repeats pixels instead of "
            "blending them: never stretch by less than 1",
        ),
        Mutant(
            lambda old, new, kernel: _general(old, new, kernel, stretch=1 / max(old / new, 1.0)),
            "the kernel got narrower, not wider: divide the distances by the stretch",
        ),
        Mutant(
            lambda old, new, kernel: _general(old, new, kernel, half=0.0),
            "the half is missing: pixel i reaches from i to i + 1 and has its middle at i + 1/2. Without it the image "
            "moves towards a corner",
        ),
        Mutant(
            lambda old, new, kernel: _general(old, new, kernel, half=0.0, corners=True),
            "the first and the last pixels were laid upon each other (`align_corners`): the scale is old / new, and it "
            "is the outer edges that meet",
        ),
        Mutant(
            lambda old, new, kernel: _general(old, new, kernel, dim=None),
            "the rows are not divided by their sums yet",
        ),
        Mutant(
            lambda old, new, kernel: _general(old, new, kernel, dim=None) / max(old / new, 1.0),
            "divided by the stretch, which is nearly each row's sum, but at the edges, where a part of the kernel lies "
            "outside, it is not: divide by the sum",
        ),
        Mutant(
            lambda old, new, kernel: _general(old, new, kernel, dim=0),
            "divided along the wrong axis: it is the *rows* that have to sum to 1, so sum over `dim=1`",
        ),
        Mutant(
            lambda old, new, kernel: _general(old, new, kernel).T,
            "rows and columns have changed places: a row for each new pixel, so that `weights @ row` works",
        ),
    ),
)
