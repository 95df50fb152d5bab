"""The modality-gap board without a browser: its figure, its controls, and frames that cannot be drawn."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from clip_tutor.evaluation.modality_gap import along_the_gap
from clip_tutor.lab import gap_board
from clip_tutor.lab.plots.gap_plots import GapFrame, cone_angle, gap_figure, gap_plane

pytestmark = pytest.mark.usefixtures("course_style")


def frames(count: int = 3, pairs: int = 20) -> list[tuple[float, torch.Tensor, torch.Tensor]]:
    """Return moments in which two cones come nearer to each other."""
    torch.manual_seed(0)
    shared = 0.4 * torch.randn(pairs, 8)
    push = torch.eye(8)[0]
    return [
        (
            1000.0 * n,
            F.normalize(shared + push * (1 - 0.2 * n), dim=-1),
            F.normalize(shared - push * (1 - 0.2 * n), dim=-1),
        )
        for n in range(count)
    ]


def markers(figure) -> Iterator[tuple[float, float]]:
    """Yield where the dots of the lower panels stand."""
    for axes in figure.axes[3:]:
        for line in axes.lines:
            if line.get_marker() == "o" and len(line.get_xdata()) == 1:
                yield float(line.get_xdata()[0]), float(line.get_ydata()[0])


def test_markers_stand_on_the_curves_at_the_sliders_place():
    pairs_seen, images, texts = frames()[0]
    curve = along_the_gap(images, texts, 10.0)
    figure = gap_figure(GapFrame(pairs_seen, images, texts), curve, amount=1.0)
    at = curve.amounts.index(1.0)
    found = list(markers(figure))
    assert found == [
        (1.0, pytest.approx(values[at]))
        for values in (curve.text_to_image, curve.image_to_text, curve.losses, curve.gaps)
    ]
    assert f"a gap of {curve.gaps[at]:.2f} is left" in figure.get_suptitle()


def test_every_panel_has_a_title_and_axis_names():
    pairs_seen, images, texts = frames()[1]
    history = [(0.0, 1.5), (1000.0, 1.2)]
    figure = gap_figure(GapFrame(pairs_seen, images, texts), along_the_gap(images, texts, 10.0), 0.5, history)
    assert len(figure.axes) == 6
    assert all(axes.get_title(loc="left") and axes.get_xlabel() and axes.get_ylabel() for axes in figure.axes)
    figure.draw_without_rendering()


def test_the_board_begins_with_the_last_moment_and_its_controls_change_it():
    board = gap_board(frames(), logit_scale=[10.0, 20.0, 30.0])
    before = board.screen.html.value
    assert 'alt="After 2,000 pairs, captions moved by +0.00 gap vectors' in before
    board.controls["frame"].value = 0
    assert board.error is None
    after = board.screen.html.value
    board.controls["amount"].value = 1.0
    assert len({before, after, board.screen.html.value}) == 3
    board.sweep()


def test_one_moment_needs_no_scrubber():
    board = gap_board(frames(1))
    assert list(board.controls) == ["amount"]


def test_the_plane_holds_the_gap_and_is_orthonormal():
    _, images, texts = frames()[0]
    plane = gap_plane(images, texts)
    assert torch.allclose(plane @ plane.T, torch.eye(2), atol=1e-5)
    gap = images.mean(0) - texts.mean(0)
    assert (plane[0] @ gap).item() == pytest.approx(gap.norm().item(), abs=1e-5)


def test_the_angle_of_a_cone():
    directions = torch.tensor([[1.0, 1.0], [1.0, -1.0]]) / 2**0.5
    assert cone_angle(directions) == pytest.approx(45, abs=1e-3)


@pytest.mark.filterwarnings("error", "ignore:The `ipykernel.comm.Comm`:DeprecationWarning")  # ipywidgets 7
@pytest.mark.parametrize("same", ["all", "modalities"])
def test_identical_vectors_have_a_picture(same: str):
    images = F.normalize(torch.ones(5, 8), dim=-1)
    texts = images.clone() if same == "all" else F.normalize(-torch.ones(5, 8), dim=-1)
    assert "a gap of 0.00 is left" in gap_board([(0, images, texts)]).draw(amount=1.0)


def test_five_pairs_of_arrays_have_a_picture():
    rng = np.random.default_rng(0)
    board = gap_board([(10, rng.normal(size=(5, 4)), rng.normal(size=(5, 4)))])
    board.sweep()
    assert board.error is None


def test_frames_that_cannot_be_drawn_are_named():
    good, (seen, images, texts) = frames(2)
    broken = texts.clone()
    broken[3] = torch.nan
    with pytest.raises(ValueError, match=r"frame 1, after 1,000 pairs: 1 of 20 vectors of captions hold NaN"):
        gap_board([good, (seen, images, broken)])
    with pytest.raises(ValueError, match="2 and 3"):
        gap_board([good, good], logit_scale=[1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="0 and 0"):
        gap_board([])
