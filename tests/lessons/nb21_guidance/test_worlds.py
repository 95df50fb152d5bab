"""The captions, the opinions, the figures, the film and the measurement of notebook 21."""

import io
import json

import pytest
import torch
from matplotlib.figure import Figure

from clip_tutor.applications.guidance import ClimbConfig, PixelImage, climb
from clip_tutor.assets import asset
from clip_tutor.lessons.nb21_guidance import measured, plots
from clip_tutor.lessons.nb21_guidance.film import EVERY, FORMS, STEPS, film_board
from clip_tutor.lessons.nb21_guidance.worlds import (
    SIDE,
    WANTED,
    Opinion,
    Wanted,
    other_scenes,
    real_scenes,
    share_below,
)
from clip_tutor.weights import load

pytestmark = pytest.mark.filterwarnings("error")  # matplotlib warns when a layout fails


@pytest.fixture(scope="module")
def first() -> Opinion:
    return Opinion(*load("emoji")[:2])


@pytest.fixture(scope="module")
def second() -> Opinion:
    return Opinion(*load("everyday")[:2])


def drawn(figure: Figure) -> Figure:
    figure.savefig(io.BytesIO(), format="png", dpi=40)
    return figure


def test_a_caption_says_what_its_real_scenes_show(second: Opinion):
    assert Wanted("🔥", "orange").caption == "a fire on an orange background"
    for one in WANTED[:2]:
        real = real_scenes(one, 6)
        assert real.shape == (6, 3, SIDE, SIDE) and 0 <= real.min() < real.max() <= 1
        assert second.name(real, one.background).count(one.thing) >= 4
        assert second.similarity(real, one.caption).mean() > second.similarity(other_scenes(40), one.caption).mean()


def test_every_caption_has_real_scenes():
    assert [len(real_scenes(one)) for one in WANTED] == [16] * len(WANTED)


def test_an_opinion_shares_out_one_hundred_percent(first: Opinion):
    shares = first.probabilities(real_scenes(WANTED[0], 3), [one.caption for one in WANTED])
    assert shares.shape == (3, len(WANTED)) and shares.sum(dim=1).tolist() == pytest.approx([1] * 3, abs=1e-5)
    assert bool((shares[:, 0] > 0.9).all())


def test_the_share_below_counts_other_scenes():
    found = share_below(torch.tensor([0.0, 0.25, 2.0]), torch.tensor([0.1, 0.2, 0.3, 0.4]))
    assert found.tolist() == [0, 0.5, 1]


@pytest.mark.slow
def test_the_film_shows_the_step_that_is_asked_for(first: Opinion, second: Opinion):
    film = film_board(WANTED[:1], first, second, steps=8)
    axes = [drawn(film(cut_outs=0, augmented=False, step=step)).axes for step in (0, 6, 8)]
    assert [one[0].get_title(loc="left") for one in axes] == ["step 0", "step 5", "step 8"]
    curve = axes[0][1].lines[0].get_ydata()
    assert len(curve) == 3 and curve[-1] > curve[0]
    other = film(image_of="pixels", cut_outs=4, augmented=True, variation=50.0, step=8).axes[1].lines[0].get_ydata()
    assert list(other) != list(curve)
    assert STEPS % EVERY == 0 and set(FORMS) == {"pixels", "waves"}


def test_the_figures_show_what_they_are_given(first: Opinion):
    frames = climb(PixelImage(SIDE), first.model, first.caption(WANTED[0].caption), ClimbConfig(2), 1)
    figure = drawn(plots.climbed(frames, torch.tensor([0.4, 0.5]), "A climb", shown=2))
    assert [axes.get_title(loc="left")[:6] for axes in figure.axes[:2]] == ["step 0", "step 2"]
    drawn(plots.pulls("Pulls"))
    images = {"one": frames[0].pixels[0], "two": frames[1].pixels[0]}
    by = {name: (torch.rand(9), torch.rand(4), {"one": 0.1, "two": 0.2}) for name in ("first", "second")}
    figure = drawn(plots.opinions(by, images, "Opinions"))
    assert [label.get_text() for label in figure.axes[-1].get_yticklabels()] == ["first", "second"]
    figure = drawn(plots.pieces({"a": (torch.rand(3, 3, 8, 8), torch.tensor([0.1, 0.2, 0.3]))}, "Pieces"))
    assert [text.get_text() for text in figure.axes[0].texts] == ["0.10", "0.20", "0.30", "a"]
    figure = drawn(plots.large(images, "Two"))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["one", "two"]
    drawn(plots.variations({"a": 0.01, "b": 0.1}, "Variations"))
    figure = plots.changed(images["one"], images["two"], 9, {"first": {"before": 0.1, "after": 0.9}})
    assert [bar.get_height() for bar in drawn(figure).axes[-1].patches] == [0.1, 0.9]


@pytest.mark.slow
def test_the_measurement_tells_real_scenes_from_gray_images(first: Opinion, second: Opinion):
    gray = torch.full((4, 3, SIDE, SIDE), 0.5)  # two captions, two seeds
    found = measured.judge({"gray": gray}, first, second, WANTED[:2])
    assert list(found) == ["gray", measured.REAL]
    for who in ("climbed", "second"):
        assert found["gray"][f"above_real_{who}"] == found["gray"][f"named_{who}"] == 0
        assert found[measured.REAL][f"named_{who}"] > 0.5 and found[measured.REAL][f"above_others_{who}"] > 0.95
        assert found["gray"][who] < found[measured.REAL][who]


def test_what_ships_is_of_these_captions_and_ways():
    shipped = json.loads(asset("curves/guidance.json").read_text())
    assert shipped["captions"] == [one.caption for one in WANTED] and shipped["seeds"] == list(measured.SEEDS)
    assert list(shipped["ways"]) == [*measured.WAYS, measured.REAL]
