"""Exercise 04.1: an image becomes patches."""

import torch
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same


def patchify(pixels: Tensor, P: int) -> Tensor:
    """Return the patches (B, N, 3·P·P) of images (B, 3, H, W), in reading order, without a loop.

    P is the patch side, and divides H and W. Within a patch: all of red, row by row, then all of green, then blue.
    """
    B, C, H, W = pixels.shape
    grid = pixels.view(B, C, H // P, P, W // P, P)  # (B, C, rows, P, columns, P)
    grid = grid.permute(0, 2, 4, 1, 3, 5)  # (B, rows, columns, C, P, P)
    return grid.reshape(B, H // P * (W // P), C * P * P)  # (B, N, 3·P·P)


def _numbered(B: int, H: int, W: int) -> Tensor:
    return torch.arange(B * 3 * H * W, dtype=torch.float32).view(B, 3, H, W)


def _check_patchify(cut: Attempt) -> str:
    pixels = _numbered(1, 4, 6)
    patches = cut(pixels, 2)
    demand(
        isinstance(patches, Tensor) and patches.shape == (1, 6, 12),
        f"the result is {describe(patches)}",
        "a tensor (1, 6, 12): an image of 4 × 6 pixels has 6 patches of 2 × 2, of 3 · 2 · 2 numbers each",
    )
    first, right = patches[0, 0], patchify(pixels, 2)[0, 0]
    demand(
        set(first.tolist()) == set(right.tolist()),
        f"the first patch holds the pixels {_list(first)} of 0 to 71, numbered color by color and row by row",
        f"{_list(right)}: the upper left corner in each of the three colors",
        "the axis that says which patch stands before the axis within it: H becomes (H/P, P), and W becomes (W/P, P)",
    )
    demand(
        same(first, right),
        f"the first patch is {_list(first)}",
        f"{_list(right)}: red, green, blue, each row by row",
        "the order within a patch comes from the order of the last three axes before the reshape",
    )
    second = patches[0, 1]
    demand(
        same(second, patchify(pixels, 2)[0, 1]),
        f"the second patch begins with pixel {second[0]:.0f}",
        "pixel 2: the second patch lies to the right of the first, as in reading",
    )
    for B, H, W, P in ((2, 6, 6, 3), (3, 8, 4, 4), (1, 5, 10, 5), (2, 4, 4, 1)):
        pixels = _numbered(B, H, W)
        patches, right = cut(pixels, P), patchify(pixels, P)
        demand(
            same(patches, right),
            f"other patches for {B} images of {H} × {W} and P = {P}, or in another order",
            f"{describe(right)}, the one that begins with {_list(right[0, -1, :3])} at the end of the first row",
        )
    return "shape, order of patches, order within a patch, on 5 batches, some of them not square"


def _list(values: Tensor) -> str:
    return ", ".join(f"{value:.0f}" for value in values.tolist())


def _just_reshaped(x, P):  # type: ignore[no-untyped-def]
    B, C, H, W = x.shape
    return x.reshape(B, H // P * (W // P), C * P * P)


def _grid(x, P):  # type: ignore[no-untyped-def]
    B, C, H, W = x.shape
    return x.view(B, C, H // P, P, W // P, P)


PATCHIFY = Exercise(
    id="04.1",
    title="Patchify",
    difficulty=2,
    minutes=12,
    kept=True,
    reference=patchify,
    check=_check_patchify,
    hints=(
        "Which axes has an image that is cut? Rows of patches, columns of patches, and within each patch its own "
        "three. Make an axis of each first.",
        "`view(B, 3, H // P, P, W // P, P)` moves nothing, it only splits H and W in two. Then bring the axes into the "
        "order in which you want to read.",
        "`permute(0, 2, 4, 1, 3, 5)`: which patch (row, column) comes before what is inside (color, row, column). A "
        "`reshape` melts each of the two groups into one axis.",
    ),
    mutants=(
        Mutant(
            _just_reshaped,
            "a reshape alone cuts the stream of numbers into equal lengths, thin stripes of one color: split H and W, "
            "then permute",
        ),
        Mutant(
            lambda x, P: _grid(x, P).permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2),
            "the colors come last, pixel by pixel: a convolution's weight has them first, and must find them there",
        ),
        Mutant(
            lambda x, P: _grid(x, P).permute(0, 4, 2, 1, 3, 5).flatten(3).flatten(1, 2),
            "the patches go down the columns: in reading order the row of patches is the outer axis",
        ),
        Mutant(
            lambda x, P: _grid(x, P).permute(0, 2, 4, 1, 5, 3).flatten(3).flatten(1, 2),
            "each patch is turned on its side: its rows and columns have changed places",
        ),
        Mutant(
            lambda x, P: _grid(x, P).permute(0, 2, 3, 1, 4, 5).reshape(*_just_reshaped(x, P).shape),
            "the axis of rows inside a patch stands where the columns of patches belong: 0, 2, 4 first",
        ),
        Mutant(
            lambda x, P: (
                x.view(*x.shape[:2], P, x.shape[2] // P, P, x.shape[3] // P)
                .permute(0, 3, 5, 1, 2, 4)
                .reshape(*_just_reshaped(x, P).shape)
            ),
            "H was split into (P, H/P): then every H/P-th row goes into one patch. H is (H/P, P): which patch comes "
            "first, and which row in it second",
        ),
        Mutant(
            lambda x, P: patchify(x, P).transpose(1, 2),
            "numbers and patches have changed places: a row of the result is a patch, like a word in a sentence",
        ),
    ),
)
