"""The automaton: what a cell sees, whose turn it is, who lives, and what a hole is."""

import pytest
import torch
from scipy.ndimage import correlate
from torch import Tensor

from clip_tutor.applications.guidance.automaton import FILTERS, OPACITY, Automaton, AutomatonConfig, living
from clip_tutor.applications.guidance.automaton_damage import damage, random_damage

SIDE = 8


@pytest.fixture
def random() -> torch.Generator:
    """The same random numbers in each test."""
    return torch.Generator().manual_seed(0)


def moving(rate: float = 1.0, mortal: bool = False) -> Automaton:
    """Return an automaton that changes something, unlike a new one."""
    torch.manual_seed(0)
    automaton = Automaton(AutomatonConfig(channels=5, hidden=7, update_rate=rate, mortal=mortal)).requires_grad_(False)
    automaton.change.weight.normal_(std=0.3)
    return automaton


def test_a_cell_sees_each_channel_through_each_filter(random):
    grid = torch.rand(2, 5, SIDE, 6, generator=random)
    seen = moving().perceive(grid)
    for b in range(2):
        for n in range(20):
            expected = correlate(grid[b, n // 4].numpy(), torch.tensor(FILTERS[n % 4]).numpy(), mode="wrap")
            torch.testing.assert_close(seen[b, n], torch.from_numpy(expected), atol=1e-5, rtol=1e-5)


def test_a_new_automaton_changes_nothing(random):
    automaton = Automaton(AutomatonConfig())
    grid = automaton.initial_grid(2, SIDE)
    assert torch.equal(automaton.run(grid, 5, random), grid)


def test_the_grid_has_no_edge(random):
    automaton, grid = moving(), torch.rand(1, 5, SIDE, SIDE, generator=random)
    shifted = automaton.run(grid.roll((3, 5), (2, 3)), 4)
    torch.testing.assert_close(shifted, automaton.run(grid, 4).roll((3, 5), (2, 3)), atol=1e-5, rtol=1e-5)


def test_each_cell_has_its_turn_by_chance_and_all_its_channels_change(random):
    automaton, grid = moving(rate=0.3), torch.rand(2, 5, 40, 40, generator=random)
    after = automaton.step(grid, random)
    moved = after != grid  # (2, 5, 40, 40)
    assert torch.equal(moved.any(dim=1), moved.all(dim=1)) and not torch.equal(moved[0], moved[1])
    assert moved.float().mean().item() == pytest.approx(0.3, abs=0.04)  # 3,200 cells: five standard errors
    torch.testing.assert_close(after[moved], moving(rate=1.0).step(grid)[moved])


def test_the_same_generator_gives_the_same_steps(random):
    automaton, grid = moving(rate=0.5), torch.rand(1, 5, SIDE, SIDE, generator=random)
    one, same, other = (automaton.run(grid, 3, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_a_mortal_cell_lives_beside_a_living_one_only(random):
    automaton = moving(mortal=True)
    grid = automaton.initial_grid(1, 11)
    assert int(living(grid).sum()) == 9
    inhabited = automaton.step(grid, random).abs().sum(dim=1)[0] > 0  # (11, 11)
    assert inhabited.any() and not inhabited.masked_fill(living(grid)[0, 0], False).any()
    assert not automaton.run(torch.zeros(1, 5, 11, 11), 5, random).any()
    assert moving(mortal=False).step(torch.zeros(1, 5, 11, 11), random).any()


def test_an_empty_cell_is_white_if_mortal_and_gray_if_not(random):
    empty = torch.zeros(1, 5, 3, 3)
    assert moving(mortal=True).to_pixels(empty).unique().tolist() == [1.0]
    assert moving().to_pixels(empty).unique().tolist() == [0.5]
    red = empty.clone()
    red[:, [0, OPACITY]] = 1.0  # opaque
    assert moving(mortal=True).to_pixels(red)[0, :, 1, 1].tolist() == [1.0, 0.0, 0.0]
    pixels = moving().to_pixels(9 * torch.randn(1, 5, 3, 3, generator=random))
    assert pixels.min() == 0 and pixels.max() == 1


def test_a_hole_is_a_circle_of_zeros(random):
    grid = 1 + torch.rand(2, 5, SIDE, SIDE, generator=random)
    after = damage(grid, row=3, column=4, radius=1)
    expected = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    expected[3, 3:6] = expected[2:5, 4] = True
    assert torch.equal(after == 0, expected.expand(2, 5, -1, -1))
    assert torch.equal(after[..., ~expected], grid[..., ~expected]) and grid.min() >= 1


def test_each_grid_gets_a_hole_of_its_own(random):
    holes = random_damage(torch.ones(50, 4, SIDE, SIDE), random) == 0  # (50, 4, SIDE, SIDE)
    cells = holes[:, 0].sum(dim=(1, 2))
    assert cells.min() >= 1 and cells.max() < SIDE**2 / 2 and len(holes[:, 0].unique(dim=0)) > 25


def bad(what: str) -> Tensor | AutomatonConfig:
    grid = torch.zeros(1, 5, SIDE, SIDE)
    return {
        "channels": lambda: moving().step(torch.zeros(1, 4, SIDE, SIDE)),
        "shape": lambda: moving().perceive(torch.zeros(5, SIDE, SIDE)),
        "pixels": lambda: moving().to_pixels(torch.zeros(1, 4, SIDE, SIDE)),
        "steps": lambda: moving().run(grid, 0),
        "side": lambda: moving().initial_grid(1, 2),
        "below": lambda: damage(grid, SIDE, 0, 2),
        "left": lambda: damage(grid, 0, -0.5, 2),
        "radius": lambda: damage(grid, 2.5, 2.5, 0.1),
        "negative": lambda: damage(grid, 2, 2, -1),
        "three": lambda: AutomatonConfig(channels=3),
        "rate": lambda: AutomatonConfig(update_rate=0),
    }[what]()


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("channels", r"\(1, 4, 8, 8\).* has 5 channels"),
        ("shape", r"\(5, 8, 8\).*give \(B, 5, H, W\)"),
        ("pixels", "has 5 channels"),
        ("steps", "0 steps"),
        ("side", "side 3 or more"),
        ("below", "row 8, column 0: the grid has rows 0 to 7"),
        ("left", "row 0, column -0.5: the grid has rows 0 to 7 and columns 0 to 7"),
        ("radius", "radius 0.1 holds no cell"),
        ("negative", "radius -1 holds no cell"),
        ("three", "at least 4 channels"),
        ("rate", "update_rate=0"),
    ],
)
def test_what_cannot_be_done_is_told(what: str, says: str):
    with pytest.raises(ValueError, match=says):
        bad(what)
