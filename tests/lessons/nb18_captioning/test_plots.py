"""The figures and widgets of notebook 18: what stands in them, and that each control changes what is seen."""

import io
import math

import pytest
import torch
from matplotlib.figure import Figure

from clip_tutor.applications.captioning import CaptionReader, caption_report, load_captioner
from clip_tutor.data.drawing import BACKGROUNDS
from clip_tutor.data.emoji import load_emoji
from clip_tutor.lessons.nb18_captioning import boards, plots, worlds
from clip_tutor.weights import load

pytestmark = pytest.mark.filterwarnings("error")  # matplotlib warns when a layout fails


def drawn(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=40, metadata={"Software": None})
    return file.getvalue()


def texts(figure: Figure) -> str:
    figure.draw_without_rendering()
    return "\n".join(text.get_text() for axes in figure.axes for text in axes.texts) + figure.get_suptitle()


def captions_in(figure: Figure) -> list[str]:
    """Return what was written, without headings that only repeat the settings."""
    figure.draw_without_rendering()
    every = [text.get_text() for axes in figure.axes for text in axes.texts]
    return [text for text in every if "beam search" not in text and "drawn, temperature" not in text]


@pytest.fixture(scope="module")
def part() -> worlds.Part:
    clip, _, _ = load("emoji")
    return worlds.encoded(clip, worlds.everyday_objects(), "test", 30)


@pytest.fixture(scope="module")
def speaker(part: worlds.Part) -> boards.Speaker:
    captioner, tokenizer, _, _ = load_captioner()
    return boards.Speaker(captioner, tokenizer, part, CaptionReader(load_emoji()))


def test_the_small_world_withholds_its_new_combinations():
    clip, _, _ = load("emoji")
    objects = worlds.everyday_objects()
    assert len(objects) == len(set(objects)) == 48
    train = worlds.encoded(clip, objects, "train", 60)
    again = worlds.encoded(clip, objects, "train", 30)
    torch.testing.assert_close(train.features[:30], again.features, rtol=0, atol=1e-3)
    new = worlds.encoded(clip, objects, "compositional", 60)
    seen = {(scene.objects[0].character, scene.background) for scene in train.scenes}
    assert not seen & {(scene.objects[0].character, scene.background) for scene in new.scenes}
    assert len(train.captions) == 60 and train.pixels.shape == (24, 3, 64, 64)


def test_a_true_caption_has_no_mistakes_and_a_false_one_is_told(part: worlds.Part):
    reader = CaptionReader(worlds.everyday_objects())
    scene = part.scenes[0]
    assert plots.mistakes(scene.caption, scene, reader) == []
    other = next(color for color in BACKGROUNDS if color != scene.background)
    assert plots.mistakes(scene.caption.replace(scene.background, other), scene, reader) == ["background"]
    captions = [scene.caption, "nonsense"]
    said = texts(plots.captioned(part.pixels[:2], captions, [scene, scene], reader, "Two"))
    assert "all facts right" in said and "wrong: object" in said


def test_the_places_ask_the_last_vector_of_the_prefix_for_the_first_word():
    figure = plots.places(2, ["a", "dog", "end"])
    said = [text.get_text() for text in figure.axes[0].texts]
    assert said.count("not asked") == 2  # the first vector, and the end
    assert said.count("a") == said.count("dog") == said.count("end") == 2  # read, and foretold
    drawn(figure)


def test_bars_have_a_height_for_each_fact(part: worlds.Part):
    report = caption_report(part.captions, part.scenes, CaptionReader(worlds.everyday_objects()))
    figure = plots.fact_bars({"true": report, "again": report}, "Two")
    heights = [patch.get_height() for patch in figure.axes[0].patches]
    assert heights == [1.0] * 10
    drawn(figure)


def test_the_curves_and_the_nats_are_drawn(part: worlds.Part):
    history = [{"step": 1, "loss": 8.0}, {"step": 2, "loss": 1.0, "distinct": 0.5, "right": 0.1}]
    drawn(plots.training_figure(history[:1]))
    figure = plots.training_figure(history)
    assert [line.get_ydata()[0] for line in figure.axes[1].lines] == [0.5, 0.1]
    figure = plots.word_nats([(part.pixels[0], ["a", "cat"], [0.0, 2.5])], math.log(30), "Nats")
    assert [patch.get_height() for patch in figure.axes[1].patches] == [0.0, 2.5]
    drawn(figure)
    rows = {"all": torch.full((40,), 1 / 40), "one": torch.eye(40)[3]}
    figure = plots.next_words(rows, [f"word {n}" for n in range(40)], "Next")
    assert "40 can be drawn" in figure.axes[0].get_title(loc="left") and "1 can" in figure.axes[1].get_title(loc="left")
    drawn(figure)


def test_the_curves_of_the_facts_are_those_of_the_run():
    run = {"step": [1, 2]} | {fact: [n / 10, n / 5] for n, fact in enumerate(plots.FACTS)}
    figure = plots.fact_curves(run, 32, yours=(40, 0.3))
    lines = figure.axes[0].lines
    assert [list(line.get_ydata()) for line in lines[:-1]] == [run[fact] for fact in plots.FACTS]
    assert list(lines[0].get_xdata()) == [32, 64] and list(lines[-1].get_ydata()) == [0.3]
    drawn(figure)


START = {"image": 0, "own_vectors": 10, "beams": 1, "temperature": 1.0, "p": 0.9}


@pytest.mark.slow
@pytest.mark.parametrize(
    "setting",
    [
        {"image": 23},
        {"own_vectors": 0},
        {"beams": 8},
        {"temperature": 0.2},
        {"temperature": 2.0},
        {"p": 0.1},
        {"p": 1.0},
    ],
    ids=str,
)
def test_each_control_of_the_caption_board_changes_it(speaker: boards.Speaker, setting: dict[str, float]):
    if "beams" in setting:  # may find the same caption: then the heading alone says that it looked
        assert "8 beams" in texts(boards.caption_board(speaker, **START | setting))
        return
    before = captions_in(boards.caption_board(speaker, **START))
    assert captions_in(boards.caption_board(speaker, **START | setting)) != before


def test_a_prefix_with_no_vector_of_its_own_is_the_same_for_all_images(speaker: boards.Speaker):
    torch.testing.assert_close(speaker.prefix(0, 0), speaker.prefix(5, 0))
    torch.testing.assert_close(speaker.prefix(3, 10), speaker.captioner.prefix(speaker.part.features[3:4]))
    assert not torch.allclose(speaker.prefix(0, 1)[:, 0], speaker.prefix(5, 1)[:, 0])
    torch.testing.assert_close(speaker.prefix(0, 1)[:, 1:], speaker.prefix(5, 1)[:, 1:])


@pytest.mark.slow
def test_each_control_of_the_edit_board_changes_it(speaker: boards.Speaker):
    clip, tokenizer, _ = load("emoji")
    directions = worlds.background_directions(clip, tokenizer)
    assert list(directions) == list(BACKGROUNDS)
    torch.testing.assert_close(sum(directions.values()), torch.zeros(128), rtol=0, atol=1e-5)
    start = {"first": 0, "second": 1, "background": "blue", "strength": 1.0}
    before = texts(boards.edit_board(speaker, directions, **start))
    assert "blue background" in before.rpartition("From one")[0] or "on blue" in before.rpartition("From one")[0]
    for setting in ({"first": 2}, {"second": 3}, {"background": "white"}, {"strength": 0.0}):
        assert texts(boards.edit_board(speaker, directions, **start | setting)) != before
    untouched = boards.edit_board(speaker, directions, 0, 1, boards.UNCHANGED, 1.0)
    assert "plus" not in texts(untouched)


def test_the_way_between_two_vectors_begins_and_ends_at_them(part: worlds.Part):
    way = worlds.mixed(part.features[0], part.features[1], torch.tensor([0.0, 0.5, 1.0]))
    torch.testing.assert_close(way[0], part.features[0])
    torch.testing.assert_close(way[2], part.features[1])
    torch.testing.assert_close(way[1], (part.features[0] + part.features[1]) / 2)
