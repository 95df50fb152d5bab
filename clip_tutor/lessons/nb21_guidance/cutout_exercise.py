"""Exercise 21.2: one random cut-out."""

import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same
from clip_tutor.lab.exercises.tried import with_gradients


def cutout(pixels: torch.Tensor, size: int, chance: torch.Tensor) -> torch.Tensor:
    """Return (B, C, size, size): a square of each image, brought to the size that the image tower reads.

    pixels is (B, C, H, W), H and W at least ``size``, and chance is (3,), random numbers from 0 up to 1. The first one
    says how large the square is: its side lies between ``size`` and the shorter side of the image, rounded down. The
    second says where its upper edge is, the third where its left edge is: each place where the square lies wholly
    inside is as probable as any other. The square is averaged to size × size, with adaptive average pooling.
    """
    _, _, H, W = pixels.shape
    large, down, right = chance.tolist()
    side = size + int(large * (min(H, W) - size))
    top, left = int(down * (H - side + 1)), int(right * (W - side + 1))
    return F.adaptive_avg_pool2d(pixels[..., top : top + side, left : left + side], size)


_CASES = (
    ((1, 3, 96, 96), 64, (0.0, 0.0, 0.0)),
    ((2, 3, 96, 96), 64, (0.5, 0.2, 0.9)),
    ((1, 3, 64, 64), 64, (0.7, 0.5, 0.5)),
    ((1, 3, 40, 70), 16, (0.31, 0.97, 0.1)),
    ((2, 1, 50, 33), 16, (0.999, 0.6, 0.999)),
    ((1, 3, 20, 20), 16, (0.1, 0.99, 0.99)),
)


def _images(shape: tuple[int, ...], seed: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def _check(cutout_: Attempt) -> str:
    for seed, (shape, size, chance) in enumerate(_CASES):
        case = (_images(shape, seed), size, torch.tensor(chance))
        answer = cutout_(*case)
        value = answer[0] if isinstance(answer, tuple) else answer
        wanted = (*shape[:2], size, size)
        demand(
            isinstance(value, Tensor) and value.shape == wanted,
            f"the result is {describe(value)} for images {shape}",
            f"a tensor {wanted}",
        )
        right, gradient, _ = with_gradients(cutout, *case[:1], case[1], case[2])
        demand(
            same(value.detach(), right),
            f"other pixels for images {shape}, size {size} and chance {chance}",
            "the average of the square at that place, of that size",
        )
        demand(
            isinstance(answer, tuple) and same(answer[1], gradient),
            "the gradient does not reach the pixels, or other ones",
            "a gradient for each pixel inside the square, 0 outside",
            "`detach`, `.data`, `no_grad` and numpy cut the way back to the image, and without it nothing can climb",
        )
    return "six images, square and not, the smallest and the largest square, all corners, and the gradient"


def _with(side=None, place=None, pool=None):  # type: ignore[no-untyped-def]
    """Return the cut-out with another side, place or way to shrink it."""

    def answer(pixels, size, chance):  # type: ignore[no-untyped-def]
        H, W = pixels.shape[-2:]
        large, down, right = chance.tolist()
        s = side(H, W, size, large) if side else size + int(large * (min(H, W) - size))
        top, left = place(H, W, s, down, right) if place else (int(down * (H - s + 1)), int(right * (W - s + 1)))
        square = pixels[..., top : top + s, left : left + s]
        return pool(square, size) if pool else F.adaptive_avg_pool2d(square, size)

    return answer


CUTOUT = Exercise(
    id="21.2",
    title="One random cut-out",
    difficulty=2,
    minutes=10,
    reference=cutout,
    use=with_gradients,
    check=_check,
    hints=(
        "Three whole numbers come first: the side of the square, its top and its left. Then slice, then pool.",
        "The side goes from `size` to `min(H, W)`: `size + int(u * (min(H, W) - size))` with the first number u.",
        "A square of side s has H − s + 1 places for its upper edge, 0 to H − s: `int(v * (H - s + 1))`. "
        "`F.adaptive_avg_pool2d(square, size)` averages any square to size × size.",
    ),
    mutants=(
        Mutant(
            _with(place=lambda H, W, s, v, w: (int(v * (H - s)), int(w * (W - s)))),
            "there are H − side + 1 places, the last one included: with one less the lower and right edge never come",
        ),
        Mutant(
            _with(place=lambda H, W, s, v, w: (int(v * H), int(w * W))),
            "the square may begin anywhere, and then hang over the edge: it has to lie wholly inside",
        ),
        Mutant(
            _with(place=lambda H, W, s, v, w: (int(w * (H - s + 1)), int(v * (W - s + 1)))),
            "top and left have changed places: the second number is for the upper edge",
        ),
        Mutant(
            _with(place=lambda H, W, s, v, w: (int(v * (H - s + 1)), int(w * (H - s + 1)))),
            "the left edge was counted along the height: it has W − side + 1 places",
        ),
        Mutant(
            _with(side=lambda H, W, size, u: size + int(u * (H - size))),
            "the side goes up to the height: where an image is wider or narrower, it is the shorter side that counts",
        ),
        Mutant(
            _with(side=lambda H, W, size, u: size + int(u * (max(H, W) - size))),
            "the side goes up to the longer side: such a square does not lie inside",
        ),
        Mutant(
            _with(side=lambda H, W, size, u: max(1, int(u * min(H, W)))),
            "the square may be smaller than `size`, down to nothing: its side begins at `size`",
        ),
        Mutant(_with(side=lambda H, W, size, u: size), "always the smallest square: its side has to vary, too"),
        Mutant(
            _with(side=lambda H, W, size, u: size + round(u * (min(H, W) - size))), "rounded: the side is rounded down"
        ),
        Mutant(
            _with(pool=lambda square, size: square[..., :size, :size]),
            "a corner was cut off the square: all of it is to be averaged to the size",
        ),
        Mutant(
            _with(pool=lambda square, size: F.interpolate(square, (size, size), mode="bilinear", align_corners=False)),
            "interpolated at single points: pixels between them would have no say, and no gradient. Average",
        ),
        Mutant(
            _with(pool=lambda square, size: F.interpolate(square, (size, size))),
            "single pixels were picked, as `F.interpolate` does unless told otherwise: average them",
        ),
        Mutant(_with(pool=lambda square, size: F.adaptive_max_pool2d(square, size)), "the maximum: take the average"),
    ),
)
