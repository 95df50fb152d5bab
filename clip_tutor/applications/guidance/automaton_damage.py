"""Damage: a circle of cells is emptied."""

import torch
from torch import Tensor


def damage(grid: Tensor, row: float, column: float, radius: float) -> Tensor:
    """Return a copy of a grid (B, C, H, W) in which the cells of a circle are zero, all channels of them.

    Args:
        row, column: its middle, in cells from the top and from the left; 0 is the middle of the first cell.
        radius: in cells.

    Raises:
        ValueError: the middle lies outside of the grid, or the circle holds no cell.
    """
    H, W = grid.shape[-2:]
    if not (0 <= row <= H - 1 and 0 <= column <= W - 1):
        raise ValueError(
            f"damage around row {row:g}, column {column:g}: the grid has rows 0 to {H - 1} and columns 0 to {W - 1}"
        )
    rows, columns = torch.arange(H, device=grid.device)[:, None], torch.arange(W, device=grid.device)
    hole = (rows - row).square() + (columns - column).square() <= radius**2  # (H, W)
    if radius < 0 or not hole.any():
        raise ValueError(f"a circle of radius {radius:g} holds no cell: give a radius of 1 or more")
    return grid * ~hole


def random_damage(grid: Tensor, generator: torch.Generator) -> Tensor:
    """Return a copy of a grid (B, C, H, W), each with a circle of its own of 0.1 to 0.4 of the grid's side."""
    H, W = grid.shape[-2:]
    holes = []
    for one in grid.split(1):
        row, column, size = torch.rand(3, generator=generator).tolist()
        radius = (0.1 + 0.3 * size) * min(H, W)
        holes.append(damage(one, (0.2 + 0.6 * row) * (H - 1), (0.2 + 0.6 * column) * (W - 1), radius))
    return torch.cat(holes)
