"""Notebook 05's figures and images: kernels that slide, patterns that are skipped, things that move, towers."""

import pytest
import torch
import torch.nn.functional as F

from clip_tutor.data.emoji import find_emoji
from clip_tutor.lessons.nb05_convolutional_towers import plots, shifting, stills, tower_plots
from clip_tutor.lessons.nb05_convolutional_towers.portraits import portrait, portraits
from clip_tutor.towers import ResNet, ResNetConfig
from tests.lab.conftest import texts

pytestmark = pytest.mark.filterwarnings("error")  # matplotlib warns when a layout fails


def small_network(blur: bool) -> ResNet:
    torch.manual_seed(0)
    return ResNet(ResNetConfig(128, (1, 1, 1, 1), width=8, deep_stem=False, blur=blur, attention_pool=False), 16)


# --------------------------------------------------------------------------------------------------------- images


def test_the_same_dice_give_the_same_portraits():
    objects = find_emoji("🐈🚗🌵")
    one, again, other = (portraits(objects, 20, 48, seed) for seed in (1, 1, 2))
    assert torch.equal(one.pixels, again.pixels)
    assert not torch.equal(one.pixels, other.pixels)
    assert one.pixels.shape == (20, 3, 48, 48)
    assert one.pixels.dtype == torch.uint8
    assert set(one.things.tolist()) == set(one.sizes.tolist()) == {0, 1, 2}


@pytest.mark.parametrize("right", [1, 2])
def test_a_portrait_moved_right_is_the_same_portrait(right: int):
    objects = find_emoji("🐈🚗🌵")
    still, moved = (portraits(objects, 50, 48, seed=3, right=n).pixels for n in (0, right))
    assert torch.equal(still[..., :-right], moved[..., right:])
    assert not torch.equal(still, moved)


def test_a_portrait_stands_where_it_is_told_to():
    image = portrait(find_emoji("🐈")[0], side=40, size=10, left=20, top=5)
    rows, columns = (image != image[:, :1, :1]).any(dim=0).nonzero().T
    assert rows.min() >= 5 and rows.max() < 15
    assert columns.min() >= 20 and columns.max() < 30


def test_the_rings_of_a_zone_plate_get_finer_outwards():
    middle = plots.zone_plate(257, finest=4.0)[128]
    assert middle[128] == 1
    crossings = (((middle[1:] - 0.5) * (middle[:-1] - 0.5)) < 0).nonzero().flatten()
    inner, outer = crossings[len(crossings) // 2 :][:3], crossings[-3:]
    assert outer[2] - outer[0] == pytest.approx(4, abs=1), "one ring, at the edge"
    assert inner[2] - inner[0] > 8


def test_skipped_pixels_make_up_rings_and_a_mean_does_not():
    rings = plots.zone_plate(256)
    kept, blurred = rings[::4, ::4], F.avg_pool2d(rings[None], 4)[0]
    far = slice(0, 8)  # a corner, where the rings are finer than the pixels that are kept
    assert kept[far, far].std() > 5 * blurred[far, far].std()


# ----------------------------------------------------------------------------------------------------------- moving


@pytest.mark.slow
def test_a_network_that_skips_pixels_moves_farther_than_one_that_takes_means():
    moving, others = shifting.frames(find_emoji("🦉")[0]), shifting.other_images()
    ways = {blur: shifting.travel(shifting.wake(small_network(blur), others), moving, others) for blur in (True, False)}
    for way, _ in ways.values():
        assert way.shape == (33,)
        assert way[0] == 0
    assert ways[False][1] > 2 * ways[True][1]


def test_waking_lets_blocks_add_and_measures_what_comes_in():
    network = small_network(blur=True)
    others = shifting.other_images()
    shifting.wake(network, others)
    assert not network.training
    first = network.stage1[0].conv3.norm
    assert (first.weight == 1).all()
    assert (first.running_mean != 0).any()


# ---------------------------------------------------------------------------------------------------------- figures


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("best", [0, 2])
def test_sliding_marks_the_best_places(channels: int, best: int):
    feature_map = torch.zeros(16, 16)
    feature_map[3, 4], feature_map[3, 5], feature_map[12, 9] = 3, 2, 1
    kernel = torch.ones(channels, 3, 3)
    figure = plots.sliding(torch.zeros(3, 16, 16), kernel, feature_map, (3, 4), best)
    figure.draw_without_rendering()
    rings = {tuple(line.get_xydata()[0]) for line in figure.axes[2].lines}
    assert rings == ({(4.0, 3.0), (9.0, 12.0)} if best else set()), "a neighbor of the best is not the second"


def test_sampled_says_how_large_each_image_is():
    figure = plots.sampled({"all": torch.zeros(8, 8), "half": torch.ones(4, 4)}, "Rings")
    figure.draw_without_rendering()
    assert [axes.get_xlabel() for axes in figure.axes] == ["8 × 8 pixels", "4 × 4 pixels"]
    assert figure.get_suptitle() == "Rings"


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0, 32])
def test_the_board_marks_the_present_shift(shift: int):
    ways = {"plain": torch.linspace(0, 2, 33), "blurred": torch.linspace(0, 0.5, 33)}
    maps = {name: torch.rand(4, 4) for name in ways}
    figure = plots.shift_board(torch.zeros(3, 8, 8), shift, ways, maps)
    figure.draw_without_rendering()
    curve = next(axes for axes in figure.axes if axes.get_xlabel() == "shift (pixels)")
    dots = [line.get_xydata()[0].tolist() for line in curve.lines if line.get_markersize() == 10]
    assert dots == [[shift, pytest.approx(float(way[shift]))] for way in ways.values()]
    assert curve.get_ylim()[1] > 2, "the farthest point is in the image"


def test_the_light_falls_on_the_heaviest_place():
    weights = torch.zeros(2, 2, 2)
    weights[0, 1, 0] = weights[1, 0, 1] = 1
    figure = plots.attention_over([torch.ones(3, 8, 8)] * 2, weights)
    figure.draw_without_rendering()
    lit = figure.axes[2].images[0].get_array()
    assert lit[6, 1].min() == 255 > lit[1, 1].max()
    assert figure.axes[2].get_xlabel() == "up to 4 ×"
    with pytest.raises(ValueError, match="2 images need as many maps of weights, not 1"):
        plots.attention_over([torch.ones(3, 8, 8)] * 2, weights[:1])


def test_a_funnel_counts_the_numbers():
    told = texts(tower_plots.funnel([("pixels", 3, 8), ("stem", 16, 4), ("pool", 1024, 1)]))
    assert told == ["pixels", "3 × 8 × 8\n192 numbers", "stem", "16 × 4 × 4\n256 numbers", "pool", "1,024 numbers"]


def test_rungs_tell_the_mean_of_the_runs():
    runs = {"plain": [torch.tensor([True, False]), torch.tensor([True, True])], "new": [torch.ones(4), torch.zeros(4)]}
    assert texts(tower_plots.rungs({"right?": runs}, "Rungs")) == ["0.75", "0.50"]


@pytest.mark.parametrize("yours", [None, ("yours", 2e6, 3e8)])
def test_the_map_of_costs_names_everyone(yours: tower_plots.Cost | None):
    families = {"large": [("A", 1e9, 1e11), ("B", 2e9, 3e11)], "small": [("C", 3e6, 4e8)]}
    figure = tower_plots.cost_by_family(families, yours)
    assert texts(figure) == ["A", "B", "C"] + (["yours"] if yours else [])
    low, high = figure.axes[0].get_xlim()
    assert low < 4e8 and high > 3e11
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert "1 billion" in labels and "10 million" in labels


@pytest.mark.slow
def test_the_stills_can_be_drawn():
    card, shift = stills.card(), stills.shift()
    shift.draw_without_rendering()
    assert len(card.axes) == 3
    assert shift.axes[0].get_title(loc="left") == "Moved by 7 px"
