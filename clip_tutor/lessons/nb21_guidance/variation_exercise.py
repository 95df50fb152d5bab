"""Exercise 21.3: total variation."""

import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same
from clip_tutor.lab.exercises.tried import with_gradients


def total_variation(pixels: torch.Tensor) -> torch.Tensor:
    """Return (B,): how much neighboring pixels of each image differ.

    pixels is (B, C, H, W). For each number take the square of (right neighbor − itself) plus the square of
    (lower neighbor − itself); where there is no neighbor, at the right and the lower edge, that difference is 0. The
    result is the mean over all C · H · W numbers of an image.
    """
    padded = F.pad(pixels, (0, 1, 0, 1), mode="replicate")  # (B, C, H + 1, W + 1)
    right = padded[..., :-1, 1:] - pixels
    below = padded[..., 1:, :-1] - pixels
    return (right**2 + below**2).mean(dim=(1, 2, 3))


def _images(shape: tuple[int, ...], seed: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def _check(variation: Attempt) -> str:
    stripes = torch.tensor([0.0, 1.0]).repeat(4).expand(1, 1, 6, 8)  # columns of 0 and 1
    cases = {
        "upright stripes": stripes.clone(),
        "level stripes": stripes.transpose(2, 3).clone(),
        "one color": torch.full((2, 3, 5, 5), 0.3),
        "noise": _images((3, 3, 7, 9), 1),
        "a single row": _images((2, 3, 1, 6), 2),
    }
    for name, pixels in cases.items():
        answer = variation(pixels)
        value = answer[0] if isinstance(answer, tuple) else answer
        demand(
            isinstance(value, Tensor) and value.shape == (len(pixels),),
            f"the result is {describe(value)} for {len(pixels)} images",
            f"a tensor ({len(pixels)},): one number for each image",
        )
        right, gradient = with_gradients(total_variation, pixels)
        demand(
            same(value.detach(), right),
            f"{value[0]:.4f} for {name}, {tuple(pixels.shape[1:])}",
            f"{right[0]:.4f}",
        )
        demand(
            isinstance(answer, tuple) and same(answer[1], gradient),
            f"another gradient at the pixels, for {name}",
            "that of the mean of squares",
            "`detach` and `no_grad` cut the way back: then nothing is smoothed",
        )
    return "stripes both ways, one color, noise, a single row, and the gradient at every pixel"


def _differences(pixels: Tensor) -> tuple[Tensor, Tensor]:
    padded = F.pad(pixels, (0, 1, 0, 1), mode="replicate")
    return padded[..., :-1, 1:] - pixels, padded[..., 1:, :-1] - pixels


def _around_the_edge(pixels: Tensor) -> Tensor:
    right, below = pixels.roll(-1, dims=3) - pixels, pixels.roll(-1, dims=2) - pixels
    return (right**2 + below**2).mean(dim=(1, 2, 3))


def _two_means(pixels: Tensor) -> Tensor:
    across, down = pixels.diff(dim=3), pixels.diff(dim=2)
    means = [one.flatten(1).pow(2).sum(1) / max(1, one[0].numel()) for one in (across, down)]
    return means[0] + means[1]


def _with_zeros(pixels: Tensor) -> Tensor:
    padded = F.pad(pixels, (0, 1, 0, 1))
    return ((padded[..., :-1, 1:] - pixels) ** 2 + (padded[..., 1:, :-1] - pixels) ** 2).mean(dim=(1, 2, 3))


VARIATION = Exercise(
    id="21.3",
    title="Total variation",
    difficulty=1,
    minutes=8,
    reference=total_variation,
    use=with_gradients,
    check=_check,
    hints=(
        "`pixels[..., :, 1:] - pixels[..., :, :-1]` are all differences to the right neighbor, one column fewer than "
        "the image. The missing ones are 0: they add nothing to a sum, but they count in the mean.",
        "Sum the squares of both kinds of differences for each image, and divide by C · H · W. Or fill the image up by "
        'one row and one column with `F.pad(pixels, (0, 1, 0, 1), mode="replicate")`: then nothing is missing.',
    ),
    mutants=(
        Mutant(
            _around_the_edge,
            "`roll` goes around the edge: the last column's right neighbor would be the first column",
        ),
        Mutant(
            _two_means,
            "two means, each over its own number of differences: both sums are divided by all C · H · W numbers",
        ),
        Mutant(_with_zeros, "the image was filled up with zeros: a black frame has an edge of its own"),
        Mutant(
            lambda p: (_differences(p)[0].abs() + _differences(p)[1].abs()).mean(dim=(1, 2, 3)),
            "absolute values, or the root of the squares: the squares themselves are asked for",
        ),
        Mutant(
            lambda p: (_differences(p)[0] + _differences(p)[1]).pow(2).mean(dim=(1, 2, 3)),
            "the square of the sum: a step to the right and one down would cancel each other. Square each, then add",
        ),
        Mutant(
            lambda p: (_differences(p)[0] ** 2).mean(dim=(1, 2, 3)), "only the right neighbors: level stripes are free"
        ),
        Mutant(
            lambda p: (_differences(p)[1] ** 2).mean(dim=(1, 2, 3)),
            "only the lower neighbors: upright stripes are free",
        ),
        Mutant(
            lambda p: (_differences(p)[0] ** 2 + _differences(p)[1] ** 2).mean(dim=(2, 3)).sum(dim=1),
            "divided by H · W: the mean runs over the colors, too",
        ),
        Mutant(
            lambda p: (p.diff(dim=3)[..., :-1, :] ** 2 + p.diff(dim=2)[..., :-1] ** 2).mean(dim=(1, 2, 3)),
            "the last row and the last column were left out: each of their numbers still has one neighbor",
        ),
        Mutant(
            lambda p: (_differences(p)[0] ** 2 + _differences(p)[1] ** 2).sum(dim=(1, 2, 3)),
            "the sum: a larger image would cost more for being large. Take the mean",
        ),
        Mutant(lambda p: total_variation(p).mean(), "the mean over the images, too: give one number for each"),
    ),
)
