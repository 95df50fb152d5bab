"""Figures of notebook 03, and its studio: what arrives at the encoder, and what a wrong step costs."""

from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from clip_tutor.data.emoji import FIRST_WORDS, find_emoji
from clip_tutor.data.scenes import Scenes
from clip_tutor.embedding import encode_images, encode_texts
from clip_tutor.images import CLIP_PREPROCESSING, resize_weights
from clip_tutor.lessons.nb03_pixels import plots, stills
from clip_tutor.lessons.nb03_pixels.spoiling import NUMBERS, Studio, as_the_encoder_reads, photographed, widened
from clip_tutor.weights import load


@pytest.fixture(scope="module")
def studio() -> Studio:
    model, tokenizer, _ = load("emoji")
    return Studio(model, tokenizer, count=60, side=128)


def test_a_square_of_pixels_is_shown_with_its_numbers():
    image = Image.new("RGB", (40, 30), (7, 8, 9))
    figure = plots.numbers_behind(image, left=10, top=5, side=4)
    assert [text.get_text() for text in figure.axes[1].texts] == ["7"] * 16
    assert figure.axes[0].get_title(loc="left") == "40 × 30 pixels"


def test_the_title_tells_how_many_pixels_are_never_heard():
    tables = {"skipping": resize_weights(60, 10, "bilinear", antialias=False), "smooth": resize_weights(60, 10)}
    figure = plots.weight_maps(tables, "Who listens?")
    titles = [axes.get_title(loc="left") for axes in figure.axes[:2]]
    assert titles == ["skipping: 40 of 60 old pixels count for nothing", "smooth: 0 of 60 old pixels count for nothing"]


def test_a_difference_is_measured_in_shades():
    one, other = Image.new("RGB", (8, 8), (10, 10, 10)), Image.new("RGB", (8, 8), (10, 30, 10))
    figure = plots.difference_map(one, other, ("one", "other"), "Apart")
    assert figure.axes[2].get_title(loc="left") == "apart by up to 20, 20.0 on average"


@pytest.mark.parametrize(
    "figure",
    [
        lambda: plots.side_by_side({"one": torch.rand(3, 8, 8), "two": torch.rand(3, 8, 16)}, "Two"),
        lambda: plots.kernels(),
        lambda: plots.crop_frames(Image.new("RGB", (30, 20)), {"kept": (5, 0, 20, 20)}, "Crop"),
        lambda: plots.channel_histograms({"0 to 1": torch.rand(2, 3, 8, 8)}, "Channels"),
        stills.card,
    ],
)
def test_the_other_figures_can_be_drawn(figure, tmp_path: Path):
    drawn = figure()
    assert isinstance(drawn, Figure)
    drawn.savefig(tmp_path / "figure.png")


def test_prepared_right_the_studio_does_what_the_model_expects(studio: Studio):
    assert studio.usual.float().mean() > 0.9
    torch.testing.assert_close(
        studio.tensors(), CLIP_PREPROCESSING.normalize(studio.small("square", "clean", "crop", True))
    )


@pytest.mark.parametrize(
    "step", [{"numbers": "divided by 255 twice"}, {"colors": "BGR"}, {"smooth": False, "surface": "off a screen"}]
)
def test_a_wrong_step_costs(studio: Studio, step: dict):
    assert studio.found(studio.tensors(**step)).float().mean() < studio.usual.float().mean() - 0.2


def test_the_lecture_says_rightly_which_numbers_cost_what(studio: Studio):
    usual = studio.usual.float().mean()
    costs = {name: (usual - studio.found(studio.tensors(numbers=name)).float().mean()).item() for name in NUMBERS}
    assert max(costs["CLIP's, blue first"], costs["ImageNet's"]) < 0.03, "no caption is lost, or hardly one"
    assert costs["normalized twice"] > 0.3 and costs["divided by 255 twice"] == max(costs.values())
    assert studio.found(studio.tensors(smooth=False)).float().mean() > usual - 0.03, "drawings hold no fine detail"


@pytest.mark.slow
@pytest.mark.parametrize(("name", "as_drawn", "mirrored"), [("emoji", 1.0, 0.0), ("emoji_plain", 0.5, 0.5)])
def test_the_lecture_says_rightly_which_model_notices_a_mirror(name: str, as_drawn: float, mirrored: float):
    scenes = Scenes(find_emoji(FIRST_WORDS), "test", 64).batch(range(600))
    sided = [n for n, scene in enumerate(scenes.scenes) if scene.relation in ("left of", "right of")]
    told = [scenes.captions[n] for n in sided]
    exchanged = [one.replace("left", "*").replace("right", "left").replace("*", "right") for one in told]
    model, tokenizer, _ = load(name)
    prefers = encode_texts(model, tokenizer, told) - encode_texts(model, tokenizer, exchanged)  # (n, E)
    for pixels, expected in ((scenes.pixels[sided], as_drawn), (scenes.pixels[sided].flip(3), mirrored)):
        share = ((prefers * encode_images(model, pixels)).sum(dim=1) > 0).float().mean()
        assert abs(share - expected) < 0.15, (name, expected)


@pytest.mark.slow
def test_every_way_of_spoiling_can_be_drawn(studio: Studio):
    for numbers in NUMBERS:
        assert isinstance(studio.board(numbers=numbers), Figure)
    assert isinstance(studio.board(shape="3:2", fit="squash", surface="grainy", smooth=False, mirrored=True), Figure)


def test_surfaces_and_canvases():
    pixels = torch.full((2, 3, 20, 20), 0.5)
    assert torch.equal(photographed(pixels, "clean"), pixels)
    assert photographed(pixels, "grainy").std() > 0.05
    lines = photographed(pixels, "off a screen")
    assert lines.std(dim=-2).min() > 0.1 and lines.std(dim=-1).max() == 0, "lines run from left to right"
    assert widened(pixels, 1.5).shape == (2, 3, 20, 30)


def test_what_the_encoder_takes_the_numbers_for():
    pixels = torch.rand(3, 4, 4)
    torch.testing.assert_close(as_the_encoder_reads(CLIP_PREPROCESSING.normalize(pixels)), pixels)
