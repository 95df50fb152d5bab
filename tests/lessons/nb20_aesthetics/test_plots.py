"""The raters, the figures and the rating board of notebook 20."""

import io
import re

import ipywidgets
import pytest
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure

from clip_tutor.applications.aesthetics import agreement, audit, scene_attributes
from clip_tutor.data.emoji import load_emoji
from clip_tutor.data.scenes import Scenes
from clip_tutor.lessons.nb20_aesthetics import plots
from clip_tutor.lessons.nb20_aesthetics.board import LEAST, RatingTable, rating_board, taste_of, what_was_learned
from clip_tutor.lessons.nb20_aesthetics.raters import COLD, RATERS, RED
from clip_tutor.lessons.nb20_aesthetics.worlds import BOARD, Part, learning_curve, self_agreement

# matplotlib warns when a layout fails; ipywidgets 7 makes ipykernel warn of itself
pytestmark = pytest.mark.filterwarnings("error", "ignore:The `ipykernel.comm.Comm`:DeprecationWarning")


def drawn(figure: Figure) -> None:
    figure.savefig(io.BytesIO(), format="png", dpi=40)


@pytest.fixture(scope="module")
def part() -> Part:
    """Scenes whose vectors are their backgrounds and families, and a little noise."""
    pixels, _, scenes = Scenes(load_emoji(), "test", 64, 3).batch(range(120))
    columns = scene_attributes(scenes)
    known = [sorted(set(columns[name])) for name in ("background", "object family")]
    rows = torch.zeros(120, sum(map(len, known)))
    for n, pair in enumerate(zip(columns["background"], columns["object family"], strict=True)):
        rows[n, known[0].index(pair[0])] = rows[n, len(known[0]) + known[1].index(pair[1])] = 1.0
    noise = 0.1 * torch.randn(rows.shape, generator=torch.Generator().manual_seed(0))
    return Part(F.normalize(rows + noise, dim=1), scenes, pixels)


@pytest.fixture(scope="module")
def twenty(part: Part) -> Part:
    return part.first(BOARD)


def test_a_rater_says_what_they_like_and_not_always_the_same(part: Part):
    rater = RATERS["warm"]
    red = [scene for scene in part.scenes if scene.background == "red"]
    blue = [scene for scene in part.scenes if scene.background == "blue"]
    assert rater.ratings(red).mean() > 7 > 4 > rater.ratings(blue).mean()
    every = rater.ratings(part.scenes)
    assert every.min() >= 1 and every.max() <= 10 and bool((every == every.round()).all())
    assert torch.equal(every, rater.ratings(part.scenes)) and not torch.equal(every, rater.ratings(part.scenes, seed=1))
    torch.testing.assert_close(COLD.liking(part.scenes), -rater.liking(part.scenes))
    assert 0.6 < self_agreement(rater, part) < 0.9


def test_the_red_rater_knows_two_ratings(part: Part):
    scenes = [scene for scene in part.scenes if scene.background == "red"]
    assert RED.ratings(scenes).median() == 9
    assert RED.ratings([scene for scene in part.scenes if scene.background != "red"]).median() == 5


@pytest.mark.slow
def test_the_learning_curve_has_a_point_for_each_number(part: Part):
    points = learning_curve(RATERS["warm"], part, part, counts=(12, 60), draws=4)
    assert [point.count for point in points] == [12, 60]
    assert all(p.low < p.held_out < p.high and 0 <= p.covered <= p.draws == 4 for p in points)
    assert points[1].high - points[1].low < points[0].high - points[0].low and points[1].true > points[0].true
    figure = plots.learning(points, 0.8, "Two points")
    assert list(figure.axes[0].lines[0].get_ydata()) == [p.held_out for p in points]
    drawn(figure)


def test_the_figures_show_what_they_are_given(part: Part):
    scores, ratings = part.features.sum(dim=1), RATERS["warm"].ratings(part.scenes)
    found = {"one": agreement(scores, ratings), "two": agreement(-scores, ratings)}
    figure = plots.agreements(found, "Two")
    assert [text.get_text() for text in figure.axes[0].texts] == [f"{one.share:.2f}" for one in found.values()]
    drawn(figure)
    of = audit(scores, scene_attributes(part.scenes))
    figure = plots.audits({"a": of, "b": of}, "Two")
    heights = [patch.get_height() for patch in figure.axes[0].patches]
    assert heights == [share.explained for share in of.shares.values()] * 2
    drawn(figure)
    figure = plots.ranked(part, scores, "Ranked")
    said = [text.get_text() for text in figure.axes[0].texts]
    assert f"{scores.max():.2f}" == said[0] and f"{scores.min():.2f}" in said and len(figure.axes[0].images) == 16
    drawn(figure)
    figure = plots.trade_off([0.0, 1.0], [1.0, 0.5], [0.4, 0.9], "Two weights")
    assert [list(line.get_ydata()) for line in figure.axes[0].lines] == [[1.0, 0.5], [0.4, 0.9]]
    drawn(figure)


def board_says(part: Part, twenty: Part, ratings) -> str:
    return what_was_learned(twenty, part, scene_attributes(part.scenes), ratings)


def test_the_board_says_how_many_ratings_are_missing(part: Part, twenty: Part):
    assert "0 of 20 images are rated" in board_says(part, twenty, (0,) * 20)
    few = (5, 1) * (LEAST // 2) + (0,) * (20 - LEAST // 2 * 2)
    assert f"{LEAST // 2 * 2} of 20" in board_says(part, twenty, few)
    assert "All 20 ratings are 3" in board_says(part, twenty, (3,) * 20)


def test_the_board_learns_what_is_rated(part: Part, twenty: Part):
    warm = RATERS["warm"]
    given = tuple(5 if liking > 0 else 1 for liking in warm.liking(twenty.scenes).tolist())
    learned = board_says(part, twenty, given)
    assert "20 ratings" in learned and "background" in learned
    worth = dict(zip((scene.caption for scene in part.scenes), warm.liking(part.scenes).tolist(), strict=True))
    most, least = ([worth[caption] for caption in re.findall('alt="(.+?)"', half)] for half in learned.split("least"))
    assert len(most) == len(least) == 8 and min(most) > max(least)


def test_a_click_on_the_board_draws_anew_and_nothing_is_pressed_at_first(part: Part, twenty: Part):
    board = rating_board(twenty, part)
    table = board.controls["ratings"]
    assert isinstance(table, RatingTable) and table.value == (0,) * 20
    assert all(choice.value is None for choice in table.choices)
    for n, choice in enumerate(table.choices):
        choice.value = "5" if n % 3 == 0 else "2"
    assert table.value == tuple(5 if n % 3 == 0 else 2 for n in range(20))
    assert board.error is None and "20 ratings" in board.screen.html.value
    assert isinstance(table.choices[0], ipywidgets.ToggleButtons)


def test_the_taste_is_the_readers_if_there_is_one(part: Part, twenty: Part):
    simulated, whose = taste_of((0,) * 20, twenty, part, RATERS["warm"])
    assert "SIMULATED" in whose
    own, whose = taste_of((5, 1) * 4 + (0,) * 12, twenty, part, RATERS["warm"])
    assert "yours, from 8 ratings" in whose and not torch.equal(own.weight, simulated.weight)
