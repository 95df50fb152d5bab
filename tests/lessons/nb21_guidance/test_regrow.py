"""The damage-and-regrow widget of notebook 21."""

import io

import pytest
import torch
from matplotlib.figure import Figure

from clip_tutor import load
from clip_tutor.applications.guidance.automaton_files import list_automata, load_automaton
from clip_tutor.embedding import encode_texts
from clip_tutor.lab.widgets.explore import end_points
from clip_tutor.lessons.nb21_guidance.regrow import regrow, regrow_widget, regrowth_figure

pytestmark = pytest.mark.filterwarnings("error")  # matplotlib warns when a layout fails


@pytest.fixture(scope="module")
def clip():
    return load("emoji")


def image_of(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=40)
    return file.getvalue()


def test_the_hole_is_seen_and_heals(clip):
    one = load_automaton(list_automata()[0])
    (text,) = encode_texts(clip.model, clip.tokenizer, [one.goal.caption])
    found = regrow(one, clip.model, text, 0.5, 0.5, 0.25, 60)
    middle = one.goal.side // 2
    empty = one.automaton.to_pixels(torch.zeros(1, one.automaton.config.channels, 3, 3))[0, :, 0, 0]
    assert torch.equal(found.pixels[0][:, middle, middle], empty)
    assert found.steps[0] == 0 and found.steps[-1] == 60 and len(found.steps) == len(found.similarity) == 13
    gap = found.distance - found.twin_distance
    assert gap[0] > 0.05 and gap[-1] < gap[0] / 2


@pytest.mark.slow
def test_every_control_changes_what_is_seen(clip):
    widget = regrow_widget(clip.model, clip.tokenizer)
    before = {name: control.value for name, control in widget.controls.items()}
    first = image_of(widget.draw(**before))
    same = [settings for settings in end_points(widget.controls) if image_of(widget.draw(**settings)) == first]
    assert [settings for settings in same if settings != before] == []


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({"automaton": "cactus"}, KeyError, "no automaton is called 'cactus': take one of"),
        ({"down": 1.2}, ValueError, "the grid has rows 0 to"),
        ({"size": 0.0, "down": 0.49}, ValueError, "holds no cell"),
        ({"steps": 0}, ValueError, "0 steps"),
    ],
)
def test_what_cannot_be_drawn_is_told(clip, settings, error, says):
    with pytest.raises(error, match=says):
        regrowth_figure(clip.model, clip.tokenizer, **({"automaton": list_automata()[0]} | settings))
