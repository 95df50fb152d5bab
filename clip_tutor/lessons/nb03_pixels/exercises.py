"""Exercises of notebook 03, pixels: normalize a batch, where the crop lies, and smoothing by area."""

import torch

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same

MEAN, STD = (0.48, 0.46, 0.41), (0.27, 0.26, 0.28)

# ---------------------------------------------------------------------------------------------------------------- 03.1


def normalize_bytes(pixels: torch.Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> torch.Tensor:
    """Return normalized pixels (B, 3, H, W), float32.

    pixels are (B, 3, H, W), uint8 from 0 to 255; mean and std hold a number for each of the three channels, for
    pixels that run from 0 to 1.
    """
    middle = torch.tensor(mean).view(3, 1, 1)
    spread = torch.tensor(std).view(3, 1, 1)
    return (pixels / 255 - middle) / spread


def _bytes(B: int, H: int, W: int, seed: int) -> torch.Tensor:
    return torch.randint(0, 256, (B, 3, H, W), generator=torch.Generator().manual_seed(seed)).to(torch.uint8)


def _check_normalize(normalize: Attempt) -> str:
    pixels = _bytes(2, 4, 5, seed=0)
    result = normalize(pixels, MEAN, STD)
    demand(
        isinstance(result, torch.Tensor) and result.shape == pixels.shape,
        f"the result is {describe(result)}",
        "a tensor (2, 3, 4, 5), as large as what came in",
        "view the three numbers as (3, 1, 1), so that they stand along the channels",
    )
    demand(result.dtype == torch.float32, f"{result.dtype}", "torch.float32, what towers read")
    gray = torch.full((1, 3, 2, 2), 255, dtype=torch.uint8)
    white = [round(value, 4) for value in normalize(gray, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))[0, :, 0, 0].tolist()]
    demand(white == [1, 1, 1], f"white becomes {white} with mean and std of 0.5", "[1, 1, 1]: (1 - 0.5) / 0.5")
    for seed, (B, H, W) in enumerate([(1, 3, 3), (3, 3, 3), (4, 2, 7)]):
        pixels = _bytes(B, H, W, seed)
        result, right = normalize(pixels, MEAN, STD), normalize_bytes(pixels, MEAN, STD)
        demand(
            same(result, right),
            f"{result[0, :, 0, 0].tolist()} for the first pixel {pixels[0, :, 0, 0].tolist()}",
            f"{right[0, :, 0, 0].tolist()}",
        )
    return "white by hand, the shape and type, and four batches, one of them 3 × 3 pixels of 3 images"


def _along_the_width(pixels, mean, std):  # type: ignore[no-untyped-def]  # the mutants take what their exercise takes
    return (pixels / 255 - torch.tensor(mean)) / torch.tensor(std)


def _own_statistics(pixels, mean, std):  # type: ignore[no-untyped-def]
    scaled = pixels / 255
    return (scaled - scaled.mean(dim=(0, 2, 3), keepdim=True)) / scaled.std(dim=(0, 2, 3), keepdim=True)


NORMALIZE = Exercise(
    id="03.1",
    title="Normalize a batch",
    difficulty=1,
    minutes=5,
    reference=normalize_bytes,
    check=_check_normalize,
    hints=(
        "Three steps: to 0..1, take away the mean, divide by the spread. The last two once for each channel.",
        "`torch.tensor(mean)` is (3,) and would stand along the width. Which shape stands along the channels?",
        "`torch.tensor(mean).view(3, 1, 1)` meets (B, 3, H, W) at the channels.",
    ),
    mutants=(
        Mutant(
            lambda p, mean, std: normalize_bytes(p, tuple(255 * m for m in mean), tuple(255 * s for s in std)),
            "divided by 255 twice: mean and std are for pixels from 0 to 1 already",
        ),
        Mutant(
            lambda p, mean, std: 255 * normalize_bytes(p, tuple(m / 255 for m in mean), std),
            "not divided by 255: bytes run to 255, and mean and std are for pixels from 0 to 1",
        ),
        Mutant(
            lambda p, mean, std: normalize_bytes(p, std, mean),
            "mean and std have changed places: take the mean away, divide by the std",
        ),
        Mutant(
            lambda p, mean, std: normalize_bytes(p, mean[::-1], std[::-1]),
            "the channels are in the order blue, green, red here: pixels and mean are red, green, blue",
        ),
        Mutant(
            lambda p, mean, std: p / 255 - torch.tensor(mean).view(3, 1, 1),
            "std is not used: after taking away the mean, divide by the spread",
        ),
        Mutant(
            lambda p, mean, std: (p / 255) / torch.tensor(std).view(3, 1, 1) - torch.tensor(mean).view(3, 1, 1),
            "the order is reversed: first take the mean away, then divide",
        ),
        Mutant(
            _along_the_width,
            "the three numbers stand along the last axis, which is the width: view them as (3, 1, 1)",
        ),
        Mutant(
            _own_statistics,
            "these are the batch's own mean and spread: the model was trained with fixed ones, the same for every "
            "image",
        ),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 03.2


def fit_and_crop(width: int, height: int, size: int) -> tuple[int, int, int, int]:
    """Return (new_width, new_height, left, top) for an image of width × height pixels.

    The image is resized so that its shorter side has size pixels; the longer side keeps the shape, rounded down.
    Then the size × size pixels in the middle are kept, from left and top on; half a pixel is rounded down.
    """
    shorter = min(width, height)
    new_width, new_height = width * size // shorter, height * size // shorter
    return new_width, new_height, (new_width - size) // 2, (new_height - size) // 2


def _check_fit(fit: Attempt) -> str:
    result = fit(300, 200, 100)
    demand(
        isinstance(result, tuple) and len(result) == 4 and all(isinstance(number, int) for number in result),
        f"the result is {describe(result)}",
        "a tuple of four whole numbers: new_width, new_height, left, top",
        "// divides whole numbers and gives a whole number, / never does",
    )
    for case in [(300, 200, 100), (200, 300, 100), (64, 64, 64), (640, 427, 224), (427, 640, 64), (50, 40, 64)]:
        result, right = fit(*case), fit_and_crop(*case)
        demand(
            result == right,
            f"{result} for fit_and_crop{case}",
            f"{right}: resized to {right[0]} × {right[1]}, cropped from left {right[2]}, top {right[3]} on",
        )
    return "wide, tall and square images, two photographs, and one that has to grow"


FIT = Exercise(
    id="03.2",
    title="Where the crop lies",
    difficulty=1,
    minutes=8,
    reference=fit_and_crop,
    check=_check_fit,
    hints=(
        "By how much must the shorter side change to have `size` pixels? Both sides change by that.",
        "Multiply before you divide: `width * size // shorter` loses nothing before the end.",
        "The crop leaves `new_width - size` columns, half of them on the left.",
    ),
    mutants=(
        Mutant(
            lambda w, h, s: (w * s // max(w, h), h * s // max(w, h), 0, 0),
            "the longer side was made `size`: the shorter one would be too short for the crop",
        ),
        Mutant(lambda w, h, s: (s, s, 0, 0), "both sides were made `size`: that squashes the image"),
        Mutant(
            lambda w, h, s: (*fit_and_crop(w, h, s)[:2], 0, 0),
            "cropped from the corner: the crop lies in the middle",
        ),
        Mutant(
            lambda w, h, s: (*fit_and_crop(w, h, s)[:2], *fit_and_crop(w, h, s)[:1:-1]),
            "left and top have changed places: left goes with the width",
        ),
        Mutant(
            lambda w, h, s: (*fit_and_crop(w, h, s)[:2], *(2 * place for place in fit_and_crop(w, h, s)[2:])),
            "all that is left over lies before the crop: half of it belongs behind",
        ),
        Mutant(
            lambda w, h, s: (*fit_and_crop(w, h, s)[:2], (w - s) // 2, (h - s) // 2),
            "the margin was counted in the old image: the crop is taken from the resized one",
        ),
        Mutant(
            lambda w, h, s: (
                w * (s // min(w, h)),
                h * (s // min(w, h)),
                (w * (s // min(w, h)) - s) // 2,
                (h * (s // min(w, h)) - s) // 2,
            ),
            "divided before multiplying: size // shorter is 0 or 1 for most images",
        ),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 03.3


def area_weights(old: int, new: int) -> torch.Tensor:
    """Return weights (new, old) that shrink a row of old pixels to new ones by area: weights @ row is the new row.

    Old pixel j covers the piece of the line from j to j + 1. New pixel i covers the piece from i * old / new to
    (i + 1) * old / new. The weight of j in i is the share of i's piece that lies in j's piece; new is at most old.
    """
    scale = old / new
    begin = torch.arange(new)[:, None] * scale  # (new, 1)
    pixel = torch.arange(old)  # (old,)
    overlap = torch.minimum(begin + scale, pixel + 1) - torch.maximum(begin, pixel)  # (new, old)
    return overlap.clamp(min=0) / scale


def _check_area(area: Attempt) -> str:
    weights = area(6, 3)
    demand(
        isinstance(weights, torch.Tensor) and weights.shape == (3, 6),
        f"the result is {describe(weights)}",
        "a tensor (3, 6) for area_weights(6, 3): a row for each new pixel, a column for each old one",
    )
    sums = area(7, 3).sum(dim=1)
    demand(
        torch.allclose(sums.double(), torch.ones(3).double(), atol=1e-4),
        f"the rows of area_weights(7, 3) sum to {[round(value, 3) for value in sums.tolist()]}",
        "1 each: a white row stays white",
        "divide the overlap by the length of the new pixel's piece",
    )
    for old, new in [(6, 3), (4, 4), (3, 2), (7, 3), (5, 1), (64, 24)]:
        weights, right = area(old, new), area_weights(old, new)
        close = torch.allclose(weights.double(), right.double(), atol=1e-4)
        first = [round(value, 3) for value in weights[0, :6].tolist()]
        wanted = [round(value, 3) for value in right[0, :6].tolist()]
        place = (
            ""
            if first != wanted
            else f" (its first row is right, row {int((weights - right).abs().max(1)[0].argmax())} is not)"
        )
        demand(close, f"area_weights({old}, {new}) begins with {first}{place}", f"{wanted}")
    return "rows that sum to 1, whole and broken scales, no change at the same size, one pixel for all"


def _nearest(old, new):  # type: ignore[no-untyped-def]
    weights = torch.zeros(new, old)
    weights[torch.arange(new), (torch.arange(new) + 0.5).mul(old / new).long()] = 1
    return weights


def _whole_pixels(old, new):  # type: ignore[no-untyped-def]
    scale = old / new
    begin, pixel = torch.arange(new)[:, None] * scale, torch.arange(old)
    touched = ((pixel + 1 > begin) & (pixel < begin + scale)).float()
    return touched / touched.sum(dim=1, keepdim=True)


def _not_cut_off(old, new):  # type: ignore[no-untyped-def]
    scale = old / new
    begin, pixel = torch.arange(new)[:, None] * scale, torch.arange(old)
    return (torch.minimum(begin + scale, pixel + 1) - torch.maximum(begin, pixel)) / scale


AREA = Exercise(
    id="03.3",
    title="Shrink by area",
    difficulty=3,
    minutes=15,
    reference=area_weights,
    check=_check_area,
    hints=(
        "Draw two rulers above each other, one with 5 pixels, one with 2. How long is the piece that two pixels share?",
        "Two pieces share what lies between the later of their beginnings and the earlier of their ends, if anything.",
        "`torch.minimum(ends) - torch.maximum(beginnings)`, with beginnings (new, 1) against (old,); `.clamp(min=0)`; "
        "then divide by `old / new`.",
    ),
    mutants=(
        Mutant(
            lambda old, new: area_weights(old, new) * old / new,
            "the lengths themselves: divide by the length of the new pixel's piece, so that a row sums to 1",
        ),
        Mutant(
            lambda old, new: area_weights(old, new).T,
            "rows and columns have changed places: a row for each new pixel, so that weights @ row works",
        ),
        Mutant(_nearest, "one old pixel for each new one, the nearest: the others in between count for nothing"),
        Mutant(
            _whole_pixels,
            "every old pixel that is touched counts alike: one that is half inside counts half",
        ),
        Mutant(
            _not_cut_off,
            "pixels that lie apart share less than nothing here: cut the overlap off at 0",
        ),
    ),
)

EXERCISES = (NORMALIZE, FIT, AREA)
