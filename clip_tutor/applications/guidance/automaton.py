"""A neural cellular automaton: each cell of a grid sees its eight neighbors, and all follow one small network.

    grid (B, C, H, W) ─ 4 fixed filters for each channel ─▶ (B, 4·C, H, W) ─ MLP ─▶ change (B, C, H, W)
      ▲                                                                                │
      └────────────── + ◀── only in the cells whose turn it is: each one by chance ────┘

Channels 0 to 2 are red, green and blue, channel 3 is how opaque the cell is, the others are the cell's memory. The grid
has no edge: what leaves on the right comes in on the left.

Sources: Mordvintsev et al. 2020, "Growing Neural Cellular Automata"; the Laplacian and the grid without an edge:
Whitaker, "Fun with Neural Cellular Automata".
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

OPACITY = 3  # the channel
LIVING = 0.1  # a cell more opaque than that is alive
FILTERS = (
    ((0, 0, 0), (0, 1, 0), (0, 0, 0)),  # identity: the cell itself
    ((-1 / 8, 0, 1 / 8), (-2 / 8, 0, 2 / 8), (-1 / 8, 0, 1 / 8)),  # Sobel: how much more there is on the right
    ((-1 / 8, -2 / 8, -1 / 8), (0, 0, 0), (1 / 8, 2 / 8, 1 / 8)),  # Sobel: how much more there is below
    ((1 / 16, 2 / 16, 1 / 16), (2 / 16, -12 / 16, 2 / 16), (1 / 16, 2 / 16, 1 / 16)),  # Laplacian: around, less here
)


@dataclass(frozen=True)
class AutomatonConfig:
    """The shape of an automaton."""

    channels: int = 12  # C: red, green, blue, opacity, memory
    hidden: int = 48  # width of the MLP
    update_rate: float = 0.5  # the share of cells whose turn it is in a step
    mortal: bool = True  # a cell without a living neighbor is emptied; False: every cell is always at work

    def __post_init__(self) -> None:
        if self.channels < 4 or self.hidden < 1:
            raise ValueError(
                f"channels={self.channels} and hidden={self.hidden}: an automaton has at least 4 channels (red, green, "
                "blue, opacity) and a hidden layer of 1 or more"
            )
        if not 0 < self.update_rate <= 1:
            raise ValueError(f"update_rate={self.update_rate}: the share of cells that change lies above 0, up to 1")


class Automaton(nn.Module):
    """The rule that every cell of a grid follows."""

    filters: Tensor

    def __init__(self, config: AutomatonConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("filters", torch.tensor(FILTERS), persistent=False)  # (4, 3, 3)
        self.hidden = nn.Conv2d(4 * config.channels, config.hidden, kernel_size=1)  # the MLP, at every cell
        self.change = nn.Conv2d(config.hidden, config.channels, kernel_size=1, bias=False)
        # A new automaton changes nothing: a rule of random changes, repeated fifty times, would be far off at once.
        nn.init.zeros_(self.change.weight)  # test_a_new_automaton_changes_nothing

    def initial_grid(self, B: int, side: int) -> Tensor:
        """Return (B, C, side, side): empty, but for one black cell in the middle whose memory is all ones.

        Raises:
            ValueError: a grid of no cells.
        """
        if B < 1 or side < 3:
            raise ValueError(f"{B} grids of side {side}: give at least one, of side 3 or more")
        grid = torch.zeros(B, self.config.channels, side, side, device=self.filters.device)
        grid[:, OPACITY:, side // 2, side // 2] = 1
        return grid

    def perceive(self, grid: Tensor) -> Tensor:
        """Return (B, 4·C, H, W), what each cell sees: for each channel in turn the four filters.

        Raises:
            ValueError: the grid has another shape than (B, C, H, W).
        """
        _, C, _, _ = self._checked(grid)
        torus = F.pad(grid, (1, 1, 1, 1), mode="circular")  # (B, C, H + 2, W + 2)
        return F.conv2d(torus, self.filters.repeat(C, 1, 1)[:, None], groups=C)

    def step(self, grid: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return (B, C, H, W), the grid after one step.

        Args:
            grid: (B, C, H, W).
            generator: decides whose turn it is, of cells with all their channels; torch's global one if not given.

        Raises:
            ValueError: the grid has another shape.
        """
        B, _, H, W = self._checked(grid)
        change = self.change(F.relu(self.hidden(self.perceive(grid))))  # (B, C, H, W)
        turn = torch.rand(B, 1, H, W, generator=generator).to(grid.device) < self.config.update_rate
        after = grid + change * turn
        return after * (living(grid) & living(after)) if self.config.mortal else after

    def run(self, grid: Tensor, steps: int, generator: torch.Generator | None = None) -> Tensor:
        """Return (B, C, H, W), the grid after some steps.

        Raises:
            ValueError: no steps, or a grid of another shape.
        """
        if steps < 1:
            raise ValueError(f"{steps} steps: an automaton runs for at least one")
        for _ in range(steps):
            grid = self.step(grid, generator)
        return grid

    def colors(self, grid: Tensor) -> Tensor:
        """Return (B, 3, H, W), what a grid (B, C, H, W) looks like; some numbers may lie outside of 0 to 1.

        A mortal automaton is seen on white, its color being stored multiplied by its opacity, so that an empty cell is
        white without more ado. For one that fills the grid, an empty cell is gray: halfway to every color.
        """
        self._checked(grid)
        color = grid[:, :OPACITY]
        return 1 - grid[:, OPACITY : OPACITY + 1] + color if self.config.mortal else 0.5 + color

    def to_pixels(self, grid: Tensor) -> Tensor:
        """Return (B, 3, H, W) pixels from 0 to 1 of a grid (B, C, H, W)."""
        return self.colors(grid).clamp(0, 1)

    def _checked(self, grid: Tensor) -> torch.Size:
        if grid.ndim != 4 or grid.shape[1] != self.config.channels:
            raise ValueError(
                f"a grid of shape {tuple(grid.shape)}: this automaton has {self.config.channels} channels, give "
                f"(B, {self.config.channels}, H, W), as initial_grid makes it"
            )
        return grid.shape


def living(grid: Tensor) -> Tensor:
    """Return (B, 1, H, W), bool: is the cell or one of its eight neighbors more opaque than 0.1?"""
    opacity = F.pad(grid[:, OPACITY : OPACITY + 1], (1, 1, 1, 1), mode="circular")  # (B, 1, H + 2, W + 2)
    return F.max_pool2d(opacity, kernel_size=3, stride=1) > LIVING
