"""03.3: each channel shifted and scaled."""

import torch

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same

MEAN, STD = (0.48, 0.46, 0.41), (0.27, 0.26, 0.28)


def normalize(pixels: torch.Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> torch.Tensor:
    """Return pixels (..., 3, H, W), from 0 to 1, normalized: minus the mean, divided by the std of their channel.

    mean and std hold three numbers each, for red, green and blue. It works for one image and for a batch.
    """
    middle = torch.tensor(mean).view(3, 1, 1)
    spread = torch.tensor(std).view(3, 1, 1)
    return (pixels - middle) / spread


def _pixels(*shape: int, seed: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def _check(answer: Attempt) -> str:
    pixels = _pixels(2, 3, 4, 5, seed=0)
    result = answer(pixels, MEAN, STD)
    demand(
        isinstance(result, torch.Tensor) and result.shape == pixels.shape,
        f"the result is {describe(result)}",
        "a tensor (2, 3, 4, 5), as large as what came in",
        "view the three numbers as (3, 1, 1), so that they stand along the channels",
    )
    demand(result.dtype == torch.float32, f"{result.dtype}", "torch.float32, what encoders read")
    white = [round(value, 4) for value in answer(torch.ones(1, 3, 2, 2), (0.5,) * 3, (0.5,) * 3)[0, :, 0, 0].tolist()]
    demand(white == [1, 1, 1], f"white becomes {white} with mean and std of 0.5", "[1, 1, 1]: (1 - 0.5) / 0.5")
    for seed, shape in enumerate([(1, 3, 3, 3), (3, 3, 3, 3), (4, 3, 2, 7), (3, 5, 6)]):
        pixels = _pixels(*shape, seed=seed)
        result, right = answer(pixels, MEAN, STD), normalize(pixels, MEAN, STD)
        seen, wanted = (one.reshape(-1, 3, *one.shape[-2:])[0, :, 0, 0].tolist() for one in (result, right))
        demand(same(result, right), f"{_rounded(seen)} for the first pixel of {shape}", f"{_rounded(wanted)}")
    return "white by hand, shape and type, one image, and three batches, one of them of 3 images of 3 × 3 pixels"


def _rounded(values: list[float]) -> list[float]:
    return [round(value, 3) for value in values]


def _three(values):  # type: ignore[no-untyped-def]  # the mutants take what their exercise takes
    return torch.tensor(values).view(3, 1, 1)


def _own_statistics(pixels, mean, std):  # type: ignore[no-untyped-def]
    flat = pixels.movedim(-3, 0).flatten(1)
    return normalize(pixels, tuple(flat.mean(dim=1).tolist()), tuple(flat.std(dim=1).tolist()))


NORMALIZE = Exercise(
    id="03.3",
    title="Normalize",
    difficulty=1,
    minutes=5,
    reference=normalize,
    check=_check,
    kept=True,
    hints=(
        "Take away the mean, divide by the std: once for each channel, the same for all its pixels.",
        "`torch.tensor(mean)` is (3,) and would stand along the width. Which shape stands along the channels?",
        "`torch.tensor(mean).view(3, 1, 1)` meets (..., 3, H, W) at the channels.",
    ),
    mutants=(
        Mutant(
            lambda p, mean, std: normalize(p / 255, mean, std),
            "divided by 255 once more: these pixels run from 0 to 1 already",
        ),
        Mutant(
            lambda p, mean, std: normalize(p, std, mean),
            "mean and std have changed places: take the mean away, divide by the std",
        ),
        Mutant(
            lambda p, mean, std: normalize(p, mean[::-1], std[::-1]),
            "the channels are in the order blue, green, red here: pixels and mean are red, green, blue",
        ),
        Mutant(
            lambda p, mean, std: p - _three(mean),
            "std is not used: after taking away the mean, divide by the std",
        ),
        Mutant(
            lambda p, mean, std: p / _three(std) - _three(mean),
            "the order is reversed: first take the mean away, then divide",
        ),
        Mutant(
            lambda p, mean, std: (p - _three(mean)) / _three(std) ** 2,
            "divided by the variance: std is its square root already",
        ),
        Mutant(
            lambda p, mean, std: (p - torch.tensor(mean)) / torch.tensor(std),
            "the three numbers stand along the last axis, which is the width: view them as (3, 1, 1)",
        ),
        Mutant(
            _own_statistics,
            "these are the image's own mean and std: the model was trained with fixed ones, the same for every image",
        ),
    ),
)
