"""03.2: the shorter side made to fit, and the middle cut out."""

import torch
from torch import Tensor

from clip_tutor.images.resizing import cubic, triangle
from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe
from clip_tutor.lessons.nb03_pixels.exercises.weights import resize_weights


def resize_and_crop(pixels: torch.Tensor, size: int) -> torch.Tensor:
    """Return (3, size, size): pixels (3, H, W), 0 to 1, with the shorter side scaled to size, and the middle of that.

    The longer side becomes size * longer // shorter pixels, the kernel is `cubic`. Values that end up below 0 or
    above 1 are set to 0 or 1. A side of S pixels is cropped from pixel round((S - size) / 2) on.
    """
    H, W = pixels.shape[-2:]
    new_H, new_W = (size * side // min(H, W) for side in (H, W))
    across, down = (resize_weights(*sides, cubic).to(pixels) for sides in ((W, new_W), (H, new_H)))
    small = (down @ pixels @ across.T).clamp(0, 1)  # (3, new H, new W)
    top, left = (round((side - size) / 2) for side in (new_H, new_W))
    return small[:, top : top + size, left : left + size]  # (3, size, size)


def _image(H: int, W: int, seed: int) -> Tensor:
    """Return (3, H, W) of black, white and everything between: hard edges, at which cubic overshoots."""
    noise = torch.rand(3, H, W, generator=torch.Generator().manual_seed(seed))
    return ((noise - 0.5) * 3 + 0.5).clamp(0, 1)


def _check(prepare: Attempt) -> str:
    for seed, (H, W, size) in enumerate([(20, 30, 10), (30, 20, 10), (64, 64, 16), (43, 64, 16), (9, 14, 12)]):
        pixels = _image(H, W, seed)
        result, right = prepare(pixels, size), resize_and_crop(pixels, size)
        case = f"of {H} rows and {W} columns, size {size},"
        demand(
            isinstance(result, Tensor) and result.shape == right.shape,
            f"{case} you make {describe(result)}",
            f"a tensor {tuple(right.shape)}",
        )
        demand(
            result.dtype == torch.float32,
            f"{result.dtype}",
            "torch.float32, as the pixels that came in: `weights.to(pixels)` takes on their type",
        )
        low, high = result.min().item(), result.max().item()
        demand(low >= 0 and high <= 1, f"{case} values from {low:.3f} to {high:.3f}", "0 to 1: cubic overshoots")
        apart = (result - right).abs().max().item()
        demand(apart < 1e-4, f"{case} a pixel off by {255 * apart:.1f} shades of 255", "the same to 0.03 shades")
    return "wide, tall and square images, a longer side that is no whole number, an image that has to grow, 0 to 1"


def _with(  # type: ignore[no-untyped-def]  # what the known mistakes have in common
    pixels, size, kernel=cubic, clamp=True, whole=lambda a, b: a // b, place=lambda side, size: round((side - size) / 2)
):
    H, W = pixels.shape[-2:]
    new_H, new_W = (whole(size * side, min(H, W)) for side in (H, W))
    small = resize_weights(H, new_H, kernel).to(pixels) @ pixels @ resize_weights(W, new_W, kernel).to(pixels).T
    small = small.clamp(0, 1) if clamp else small
    top, left = place(new_H, size), place(new_W, size)
    return small[:, top : top + size, left : left + size]


def _scaled(pixels: Tensor, height: int, width: int) -> Tensor:
    H, W = pixels.shape[-2:]
    down, across = resize_weights(H, height, cubic).to(pixels), resize_weights(W, width, cubic).to(pixels)
    return (down @ pixels @ across.T).clamp(0, 1)


def _longer_side(pixels: Tensor, size: int) -> Tensor:
    H, W = pixels.shape[-2:]
    return _scaled(pixels, size * H // max(H, W), size * W // max(H, W))


def _cropped_first(pixels: Tensor, size: int) -> Tensor:
    H, W = pixels.shape[-2:]
    side = min(H, W)
    top, left = (H - side) // 2, (W - side) // 2
    return _scaled(pixels[:, top : top + side, left : left + side], size, size)


def _exchanged(pixels: Tensor, size: int) -> Tensor:
    H, W = pixels.shape[-2:]
    new_H, new_W = (size * side // min(H, W) for side in (H, W))
    top, left = round((new_W - size) / 2), round((new_H - size) / 2)
    return _scaled(pixels, new_H, new_W)[:, top : top + size, left : left + size]


CROP = Exercise(
    id="03.2",
    title="Shorter side, then the middle",
    difficulty=2,
    minutes=12,
    reference=resize_and_crop,
    check=_check,
    kept=True,
    hints=(
        "Three things, one after the other: the new height and width; two matrix products; a slice.",
        "`weights @ pixels` works along the rows of each channel's table, so it makes the *height* smaller. For the "
        "width, the weights stand on the other side, transposed.",
        "`down @ pixels @ across.T`, with `down` (new H, H) and `across` (new W, W); then `.clamp(0, 1)`, then "
        "`[:, top : top + size, left : left + size]`.",
    ),
    mutants=(
        Mutant(
            lambda pixels, size: _scaled(pixels, size, size),
            "height and width were both made `size`: that squashes the image. Both sides shrink by the same factor",
        ),
        Mutant(_longer_side, "the *longer* side was made `size`: the shorter one is then too short for the crop"),
        Mutant(
            lambda pixels, size: _with(pixels, size, place=lambda side, size: 0),
            "cropped from the upper left corner: the crop lies in the middle",
        ),
        Mutant(_exchanged, "top and left have changed places: top belongs to the height, left to the width"),
        Mutant(
            _cropped_first,
            "cropped first, then resized: nearly the same, but at the edge of the crop the kernel cannot see the "
            "pixels outside any more. CLIP resizes first",
        ),
        Mutant(
            lambda pixels, size: _with(pixels, size, clamp=False),
            "cubic overshoots beside hard edges: an image has nothing darker than 0 or brighter than 1, so clamp",
        ),
        Mutant(lambda pixels, size: _with(pixels, size, kernel=triangle), "that is bilinear: CLIP's kernel is `cubic`"),
        Mutant(
            lambda pixels, size: _with(pixels, size, whole=lambda a, b: round(a / b)),
            "the longer side was rounded: it is cut off to a whole number, `size * longer // shorter`",
        ),
    ),
)
