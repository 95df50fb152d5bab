"""Exercise 17.5, for going further: position embeddings for a finer grid of patches."""

import torch
import torch.nn.functional as F

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same


def resized_pos_embed(positions: torch.Tensor, side: int) -> torch.Tensor:
    """Return (1 + side², D): position vectors for a grid of side × side patches, from (1 + N, D) for a smaller one.

    Row 0 belongs to the class token, which has no place, and stays as it is. The other N lie row by row in a square.
    Between them, bicubic interpolation: mode="bicubic", align_corners=False, antialias=True.
    """
    before = round((len(positions) - 1) ** 0.5)
    grid = positions[1:].reshape(1, before, before, -1).permute(0, 3, 1, 2)  # (1, D, before, before)
    grid = F.interpolate(grid, size=(side, side), mode="bicubic", align_corners=False, antialias=True)
    return torch.cat([positions[:1], grid.flatten(2)[0].T])


def _check_positions(resized: Attempt) -> str:
    cases = []
    for before, side, D, seed in ((3, 3, 2, 0), (3, 4, 2, 1), (2, 5, 3, 2), (4, 7, 1, 3)):
        positions = torch.randn(1 + before**2, D, generator=torch.Generator().manual_seed(seed))
        cases.append((before, side, positions, resized(positions, side)))
    for before, side, positions, value in cases:
        demand(
            isinstance(value, torch.Tensor) and value.shape == (1 + side**2, positions.shape[1]),
            f"the result is {describe(value)} for a grid of {side} × {side}",
            f"a tensor {(1 + side**2, positions.shape[1])}: the class token, and a row for each patch",
        )
        demand(
            same(value[0], positions[0]),
            f"row 0 became {[round(number, 2) for number in value[0].tolist()]}",
            f"{[round(number, 2) for number in positions[0].tolist()]}: the class token's stays",
        )
        right = resized_pos_embed(positions, side)
        worst = (value - right).abs().max()
        demand(
            same(value, right),
            f"from {before} × {before} to {side} × {side} places, numbers that are up to {worst:.2f} off",
            "0.00 off",
        )
    return "the class token's row untouched, 3 × 3 places unchanged, and 4 × 4, 5 × 5 and 7 × 7 in between"


def _grid_by(mode, **how):  # type: ignore[no-untyped-def]
    def resized(positions, side):  # type: ignore[no-untyped-def]
        before = round((len(positions) - 1) ** 0.5)
        grid = positions[1:].reshape(1, before, before, -1).permute(0, 3, 1, 2)
        grid = F.interpolate(grid, size=(side, side), mode=mode, **how)
        return torch.cat([positions[:1], grid.flatten(2)[0].T])

    return resized


def _unordered(positions, side):  # type: ignore[no-untyped-def]
    before = round((len(positions) - 1) ** 0.5)
    grid = F.interpolate(positions[1:].reshape(1, -1, before, before), size=(side, side), mode="bicubic")
    return torch.cat([positions[:1], grid.reshape(side**2, -1)])


def _as_a_line(positions, side):  # type: ignore[no-untyped-def]
    line = F.interpolate(positions[1:].T[None], size=side**2, mode="linear")
    return torch.cat([positions[:1], line[0].T])


def _turned(positions, side):  # type: ignore[no-untyped-def]
    rows = resized_pos_embed(positions, side)[1:].reshape(side, side, -1)
    return torch.cat([positions[:1], rows.transpose(0, 1).flatten(0, 1)])


POSITIONS = Exercise(
    id="17.5",
    title="Positions for a finer grid",
    difficulty=2,
    minutes=10,
    kind="further",
    reference=resized_pos_embed,
    check=_check_positions,
    hints=(
        "Which row has no place in the image? Set it aside. How many patches has a side of the old grid?",
        "The D numbers of a place are like the channels of a pixel: `F.interpolate` wants (1, D, height, width).",
        "`positions[1:].reshape(1, n, n, D).permute(0, 3, 1, 2)` before, `.flatten(2)[0].T` after; then row 0 on top.",
    ),
    mutants=(
        Mutant(
            lambda p, s: resized_pos_embed(p, s)[1:], "the class token's row is gone: put it back on top of the others"
        ),
        Mutant(
            lambda p, s: torch.cat([resized_pos_embed(p, s)[1:], p[:1]]),
            "the class token's row is at the end: the encoder reads it from row 0",
        ),
        Mutant(
            _unordered,
            "reshape alone mixes the D numbers of a place with its neighbors': reshape to (1, n, n, D) first, then "
            "permute",
        ),
        Mutant(_as_a_line, "interpolated along one long line: the end of a row is no neighbor of the next row's start"),
        Mutant(_turned, "rows and columns have changed places: the image would be mirrored at its diagonal"),
        Mutant(_grid_by("nearest"), "nearest gives neighbors the same place: nothing would lie between"),
        Mutant(
            _grid_by("bilinear", align_corners=False), "bilinear, and not bicubic: close, but not what was agreed upon"
        ),
        Mutant(
            _grid_by("bicubic", align_corners=False),
            "antialias is missing: without it torch takes another bicubic curve, and skips positions where a grid "
            "shrinks",
        ),
        Mutant(
            _grid_by("bicubic", align_corners=True),
            "align_corners=True puts the outermost patches' centers on the old ones': patches cover the image to its "
            "edge, so leave it False",
        ),
    ),
)
