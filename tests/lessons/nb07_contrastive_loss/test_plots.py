"""Notebook 07: batches that make a point, tables of pulls and pushes, a meter, a sphere, and cells to paint."""

import math

import ipywidgets
import pytest
import torch

from clip_tutor.data.emoji import FIRST_WORDS, find_emoji
from clip_tutor.data.scenes import Scenes
from clip_tutor.lab import explore
from clip_tutor.lab.samples.fitting import fits
from clip_tutor.lessons.nb07_contrastive_loss import batches, plots, stills
from clip_tutor.lessons.nb07_contrastive_loss.meter import loss_meter, verdict
from clip_tutor.lessons.nb07_contrastive_loss.painter import PaintTable, as_cells, as_table
from clip_tutor.lessons.nb07_contrastive_loss.sphere import settle, sphere_board
from clip_tutor.losses import contrastive_loss
from tests.lab.conftest import texts

# matplotlib warns when a layout fails; ipywidgets 7 makes ipykernel warn of itself
pytestmark = pytest.mark.filterwarnings("error", "ignore:The `ipykernel.comm.Comm`:DeprecationWarning")


@pytest.fixture
def similarity() -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    vectors = torch.nn.functional.normalize(torch.randn(2, 6, 4, generator=random), dim=-1)
    return vectors[0] @ vectors[1].T


# ---------------------------------------------------------------------------------------------------------- batches


def test_the_family_has_every_thing_number_and_color_once():
    truths = [scene.truth for scene in batches.family(16).scenes]
    assert len(truths) == len(set(truths)) == 16
    assert [truth[-1] for truth in truths] == ["blue"] * 8 + ["pink"] * 8
    assert [truth[1] for truth in truths[:8]] == [1] * 4 + [3] * 4


def test_of_the_mixed_batch_four_captions_fit_another_image():
    batch = batches.mixed(16)
    table = fits(batch.scenes)
    assert table.diagonal().all()
    found = {(batch.captions[m], batch.captions[n]) for m, n in as_cells(table)}
    assert found == {
        ("three kites", "a picture of three kites on a turquoise background"),
        ("a bicycle on a yellow background", "a bicycle on a yellow background"),
        ("two cats", "a picture of two cats on a white background"),
    }
    assert len(as_cells(table)) == 4, "the two bicycles fit each other"


def test_a_caption_fits_what_it_says_and_is_silent_about():
    scenes = Scenes(find_emoji(FIRST_WORDS)).scenes(range(3000))
    table = fits(scenes)
    assert table.diagonal().all()
    for m, n in as_cells(table):
        one, other = scenes[m].truth, scenes[n].truth
        assert (one[0], one[1], one[3]) == (other[0], other[1], other[3]), "things, number, place"
        if "background" in scenes[m].caption:
            assert one[4] == other[4]
        if {"tiny", "little", "small", "huge", "big", "giant"} & set(scenes[m].caption.split()):
            assert one[2] == other[2]
    assert any("background" not in scenes[m].caption for m, _ in as_cells(table))


# ------------------------------------------------------------------------------------------------- loss and gradient


def test_loss_and_gradient_are_those_of_the_library():
    random = torch.Generator().manual_seed(1)
    images, captions = torch.nn.functional.normalize(torch.randn(2, 5, 8, generator=random), dim=-1)
    logits = 9 * captions @ images.T
    torch.testing.assert_close(plots.loss_of(logits), contrastive_loss(images, captions, 9.0))
    rows, columns = logits.softmax(dim=1), logits.softmax(dim=0)
    torch.testing.assert_close(plots.gradient_of(logits), ((rows + columns) / 2 - torch.eye(5)) / 5)


def test_several_right_answers_share_and_have_a_floor():
    right = torch.eye(4, dtype=torch.bool)
    right[0, 1] = right[0, 2] = True
    floor = plots.lowest_loss(right)
    assert floor == pytest.approx((math.log(3) + 2 * math.log(2)) / 8)
    assert plots.loss_of(1000.0 * right, right).item() == pytest.approx(floor, abs=1e-5)
    assert plots.gradient_of(1000.0 * right, right).abs().max() < 1e-6, "no other answer costs less"


@pytest.mark.parametrize("scale", [1, 100])
def test_a_push_is_shared_out_as_the_gradient_is(similarity: torch.Tensor, scale: int):
    shares = plots.push_shares(similarity, scale)
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(6))
    rows = (scale * similarity).softmax(dim=1).fill_diagonal_(0)
    torch.testing.assert_close(shares, rows / rows.sum(dim=1, keepdim=True))


# ---------------------------------------------------------------------------------------------------------- figures


def test_the_strip_goes_from_near_to_far(similarity: torch.Tensor):
    images = [torch.full((3, 4, 4), n / 6) for n in range(6)]
    figure = plots.push_strip(similarity, 2, (1, 100), images, "three kites")
    figure.draw_without_rendering()
    row, *bars = figure.axes
    shown = [round(6 * int(axes.images[0].get_array()[0, 0, 0]) / 255) for axes in row.child_axes]
    wrong = [n for n in similarity[2].argsort(descending=True).tolist() if n != 2]
    assert shown == [2, *wrong]
    for axes, scale in zip(bars, (1, 100), strict=True):
        heights = [bar.get_height() for bar in axes.patches]
        assert heights == pytest.approx(plots.push_shares(similarity, scale)[2, wrong].tolist(), abs=1e-6)
        assert heights == sorted(heights, reverse=True)


@pytest.mark.parametrize("scale", [1, 14, 100])
def test_the_board_says_loss_and_probability(similarity: torch.Tensor, scale: int):
    captions = [f"caption {n}" for n in range(6)]
    figure = plots.push_board(similarity, scale, 3, torch.zeros(6, 3, 4, 4), captions)
    title = figure.get_suptitle()
    assert f"the loss is {plots.loss_of(scale * similarity):.3f}" in title
    assert f"“caption 3” gives its own image {(scale * similarity).softmax(dim=1)[3, 3]:.1%}" in title
    assert "guessing: ln 6 = 1.79" in texts(figure)


def test_the_table_of_pulls_and_pushes_has_its_numbers(similarity: torch.Tensor):
    gradient = plots.gradient_of(5 * similarity)
    figure = plots.pull_and_push(gradient, torch.zeros(6, 3, 4, 4), ["a"] * 6, "Who?")
    assert f"{gradient[1, 1]:+.3f}".replace("-", "−") in texts(figure)
    low, high = figure.axes[0].images[0].get_clim()
    assert (low, high) == pytest.approx((-gradient.max().item(), gradient.max().item()))


@pytest.mark.parametrize("cells", [(), ((0, 1), (4, 2)), tuple((m, n) for m in range(6) for n in range(6) if m != n)])
def test_painting_nothing_something_and_everything(similarity: torch.Tensor, cells: tuple):
    figure = plots.painted_board(similarity, 14, as_table(cells, 6))
    figure.draw_without_rendering()
    left, right = figure.axes
    assert left.images[0].get_clim() == right.images[0].get_clim(), "one scale of colors"
    assert len(left.patches) == len(right.patches) == len(cells)
    same = left.images[0].get_array() == right.images[0].get_array()
    assert same.all() == (not cells)
    assert f"at best {plots.lowest_loss(as_table(cells, 6) | torch.eye(6, dtype=torch.bool)):.2f}" in (
        right.get_title(loc="left")
    )


# ------------------------------------------------------------------------------------------------------------ meter


@pytest.mark.parametrize(
    ("loss", "batch_size", "added", "says"),
    [
        (4.85, 128, False, "this is blind guessing"),
        (4.85, 4096, False, "better than guessing"),
        (9.7, 128, False, "2 ln 128"),
        (9.7, 128, True, "this is blind guessing"),
        (6.9, 128, False, "worse than blind guessing"),
        (0.3, 128, False, "far below guessing"),
        (0.0, 1, False, "its loss is 0, and nothing is learned"),
        (4.85, 1, False, "4.85 cannot be its loss"),
    ],
)
def test_the_meter_knows_these_numbers(loss: float, batch_size: int, added: bool, says: str):
    assert says in verdict(loss, batch_size, added)
    assert says in loss_meter(loss, batch_size, added)


def test_the_meter_says_among_how_many_one_would_guess():
    assert "as if one had to guess among 128 of 128" in loss_meter(math.log(128), 128)
    assert "as if one had to guess among 2.0 of 128" in loss_meter(2 * math.log(2), 128, directions_added=True)
    assert "among 1.0 of 32,768" in loss_meter(0.0, 32_768)


# ----------------------------------------------------------------------------------------------------------- sphere


def test_free_pairs_meet_at_a_medium_temperature_and_not_at_a_low_one():
    apart = {}
    for scale in (14, 100):
        moments = settle(scale)
        assert len(moments) == 301
        assert moments[-1].loss < 0.2 * moments[0].loss
        apart[scale] = (moments[-1].images - moments[-1].texts).norm(dim=1).mean().item()
    assert apart[14] < 0.1
    assert apart[100] > 0.3


@pytest.mark.parametrize("step", [0, 3])
def test_the_sphere_shows_each_point_once(step: int):
    figure = sphere_board(settle(14, steps=3, pairs=7), step)
    figure.draw_without_rendering()
    front, back = (sum(len(points.get_offsets()) for points in axes.collections) for axes in figure.axes[:2])
    assert front + back == 14
    assert figure.axes[2].get_title(loc="left").startswith("Loss: ")


# ---------------------------------------------------------------------------------------------------------- painter


@pytest.fixture
def table() -> PaintTable:
    return PaintTable(torch.zeros(3, 3, 4, 4), ["a <b>", "c", "d"])


def test_pressing_a_cell_paints_it_and_the_diagonal_stays(table: PaintTable):
    assert table.value == ()
    table.toggles[0, 2].value = True
    table.toggles[1, 0].value = True
    assert table.value == ((0, 2), (1, 0))
    table.toggles[0, 2].value = False
    assert table.value == ((1, 0),)
    assert table.toggles[1, 0].description == "fits"
    assert table.toggles[0, 2].description == ""
    own = [child for child in table.children if isinstance(child, ipywidgets.ToggleButton) and child.disabled]
    assert [cell.value for cell in own] == [True] * 3
    assert "a &lt;b&gt;" in table.children[4].value


def test_cells_can_be_painted_all_at_once(table: PaintTable):
    seen = []
    table.observe(lambda change: seen.append(change["new"]), names="value")
    table.value = ((0, 1), (2, 0))
    assert [place for place, cell in table.toggles.items() if cell.value] == [(0, 1), (2, 0)]
    table.value = ()
    assert not any(cell.value for cell in table.toggles.values())
    assert seen == [((0, 1), (2, 0)), ()], "told once each"


def test_explore_draws_anew_when_a_cell_is_pressed(table: PaintTable):
    box = explore(lambda painted=(): f"{len(painted)} cells", painted=table)
    assert box.screen.html.value == "0 cells"
    table.toggles[2, 1].value = True
    assert box.screen.html.value == "1 cells"


def test_cells_and_tables_are_two_ways_to_say_the_same():
    cells = ((0, 2), (1, 0))
    assert as_cells(as_table(cells, 3)) == cells
    assert as_cells(as_table(cells, 3) | torch.eye(3, dtype=torch.bool)) == cells


@pytest.mark.slow
@pytest.mark.parametrize("name", ["card", "board", "sphere", "painted"])
def test_the_stills_can_be_drawn(name: str):
    figure = getattr(stills, name)()
    figure.draw_without_rendering()
    assert figure.get_suptitle()
