"""The figures and widgets of notebook 23: what stands in them, and that each control changes what is seen."""

import io

import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from clip_tutor.images.naflex import native_size
from clip_tutor.lessons.nb23_siglip2 import boards, plots

pytestmark = pytest.mark.filterwarnings("error")  # matplotlib warns when a layout fails


def drawn(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=40, metadata={"Software": None})
    return file.getvalue()


def images(count: int, side: int = 16) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (count, 3, side, side), generator=generator, dtype=torch.uint8)


def features(count: int, patches: int = 16, width: int = 8, seed: int = 1) -> torch.Tensor:
    return torch.randn(count, patches, width, generator=torch.Generator().manual_seed(seed))


def test_a_patch_is_most_like_itself_and_like_its_copies():
    given = features(1)[0]
    given[7] = 2 * given[6]  # row 1, column 2 and 3: the same direction
    figure = plots.alike_figure(images(1)[0], {"one": given, "two": features(1, seed=3)[0]}, 1, 2, "Alike")
    map_ = figure.axes[1].images[0].get_array()
    assert map_.shape == (4, 4) and map_[1, 2] == pytest.approx(1) and map_[1, 3] == pytest.approx(1)
    assert sorted(map_.flatten())[-3] < 0.999
    assert figure.axes[1].patches[0].get_xy() == (1.5, 0.5), "the frame is around the patch"
    drawn(figure)


def test_what_is_hidden_is_covered():
    masked = torch.zeros(16, dtype=torch.bool)
    masked[[3, 8]] = True  # row 0, column 3 and row 2, column 0
    figure = plots.hidden_figure(images(1)[0], masked, "Hidden")
    teacher, student = figure.axes
    assert not teacher.patches
    assert [patch.get_xy() for patch in student.patches] == [(11.5, -0.5), (-0.5, 7.5)]
    drawn(figure)


@pytest.mark.parametrize(("size", "budget"), [((80, 40), 64), ((40, 80), 64), ((50, 50), 1), ((300, 20), 256)])
def test_packing_shows_the_native_size(size, budget):
    figure = plots.packing_figure(Image.new("RGB", size), budget, 16, "Packed")
    _, native, row = figure.axes
    height, width = native_size(size[1], size[0], 16, budget)
    assert native.images[0].get_array().shape[:2] == (height, width)
    assert row.texts[1].get_text() == f"its own shape: {height * width // 256} of {budget}"
    drawn(figure)


def test_the_square_of_a_wide_image_is_stretched():
    figure = plots.packing_figure(Image.new("RGB", (80, 40)), 64, 16, "Packed")
    titles = [axes.get_title(loc="left") for axes in figure.axes[:2]]
    assert titles == ["squashed: 8 × 8\n50% too narrow", "its own shape: 5 × 10\nits own proportions"]


def test_a_teacher_follows_as_its_momentum_says():
    steps = torch.tensor([0.0, 1.0, 1.0])
    assert plots.followed(steps, 0.5) == [0.0, 0.5, 0.75]
    assert plots.followed(steps, 0.0) == [0.0, 1.0, 1.0] and plots.followed(steps, 1.0) == [0.0, 0.0, 0.0]


@pytest.mark.slow
def test_each_control_changes_what_is_seen():
    shown, given = images(2), {"one": features(2), "two": features(2, seed=2)}
    whole = Image.fromarray(images(1, 64)[0].permute(1, 2, 0).numpy())
    for draw, settings in (
        (lambda image, row, column: boards.alike_board(shown, given, image, row, column), ((0, 1), (0, 3), (0, 3))),
        (lambda shape, budget: boards.packing_board(whole, shape, budget), ((0.25, 4.0), (16, 256))),
        (lambda ratio, seed: boards.hidden_board(shown[0], 16, ratio, seed), ((0.1, 0.9), (0, 5))),
        (boards.following_board, ((0.0, 1.0), (0, 5))),
    ):
        first = [low for low, _ in settings]
        before = drawn(draw(*first))
        for place, (_, high) in enumerate(settings):
            assert drawn(draw(*first[:place], high, *first[place + 1 :])) != before, (draw, place)
        drawn(draw(*(high for _, high in settings)))
