"""The pool, the objectives, the measurement, and automata in files."""

import pytest
import torch
from torch import Tensor

from clip_tutor import load
from clip_tutor.applications.guidance import automaton_files
from clip_tutor.applications.guidance.automaton import OPACITY, Automaton, AutomatonConfig
from clip_tutor.applications.guidance.automaton_files import Goal, LoadedAutomaton, read_automata, save_automata
from clip_tutor.applications.guidance.automaton_objectives import (
    CaptionObjective,
    TowardsCaption,
    TowardsDrawing,
    drawing,
    drawing_on_white,
)
from clip_tutor.applications.guidance.automaton_regrowth import regrowth
from clip_tutor.applications.guidance.automaton_train import GOALS, main
from clip_tutor.applications.guidance.automaton_training import AutomatonTraining, train_automaton

SIDE = 12


def red(grid: Tensor, generator: torch.Generator) -> Tensor:
    """How far grids are from red."""
    return (grid[:, :3] - torch.tensor([0.5, -0.5, -0.5])[:, None, None]).square().mean(dim=(1, 2, 3))


def small(**changes) -> AutomatonTraining:
    settings = {"iterations": 30, "side": SIDE, "pool": 8, "batch_size": 4, "fewest_steps": 4, "most_steps": 6}
    return AutomatonTraining(**(settings | changes))


@pytest.fixture
def automaton() -> Automaton:
    torch.manual_seed(0)
    return Automaton(AutomatonConfig(channels=6, hidden=8, mortal=False))


def test_training_comes_nearer(automaton):
    losses = train_automaton(automaton, red, small(learning_rate=0.02))
    assert len(losses) == 30 and losses[-1] < losses[0] / 2


def test_the_worst_begins_anew_and_the_best_is_damaged(automaton, monkeypatch):
    begun, ended, run = [], [], automaton.run

    def watched(grid, steps, generator):
        begun.append(grid.clone())
        ended.append(run(grid, steps, generator))
        return ended[-1]

    monkeypatch.setattr(automaton, "run", watched)
    automaton.change.weight.data.normal_(std=0.1)
    train_automaton(automaton, red, small(iterations=4, pool=4, damaged=1, learning_rate=1e-9))
    seed = automaton.initial_grid(1, SIDE)
    for before, grid in zip(ended, begun[1:], strict=False):  # the whole pool each time
        before = before[red(before, torch.Generator()).argsort(descending=True)]
        assert torch.equal(grid[:3], torch.cat([seed, before[1:3]]))
        hole = (grid[3] == 0).all(dim=0)
        assert hole.sum() >= 5 and torch.equal(grid[3][:, ~hole], before[3][:, ~hole])


def test_a_drawing_is_the_emoji_on_a_margin():
    of = drawing("❤️", 28)
    assert of.shape == (4, 28, 28) and not of[:, :3].any() and not of[:, :, -3:].any()
    assert bool((of[:3] <= of[3:] + 1e-6).all())  # color times opacity
    red_green_blue = of[:, 14, 14]
    assert red_green_blue[0] > 0.7 > 0.4 > red_green_blue[1] and red_green_blue[3] == 1
    on_white = drawing_on_white("❤️", 28)
    assert bool((on_white[:, 0] == 1).all()) and torch.equal(on_white[:, 14, 14], of[:3, 14, 14])


def test_the_objectives_are_zero_or_small_where_they_should_be(automaton):
    towards = TowardsDrawing("❤️", 28)
    grid = torch.zeros(2, 6, 28, 28)
    grid[0, : OPACITY + 1] = drawing("❤️", 28)
    distances = towards(grid, torch.Generator())
    assert distances[0] == 0 and distances[1] > 0.05
    clip, tokenizer, _ = load("emoji")
    color = TowardsCaption(automaton, clip, tokenizer, "a blue background", CaptionObjective(cutouts=1))
    grid = torch.zeros(2, 6, SIDE, SIDE)
    grid[:, :3] = torch.tensor([[-0.4, -0.1, 0.4], [0.4, 0.2, -0.5]])[:, :, None, None]
    blue, orange = color(grid, torch.Generator().manual_seed(0)).tolist()
    assert blue < orange
    assert (color(9 * grid, torch.Generator().manual_seed(0)) > 10).all()  # far outside of what can be seen


def test_a_hole_is_measured_and_what_comes_after(automaton):
    clip, _, _ = load("emoji")
    text = torch.nn.functional.normalize(torch.ones(128), dim=0)
    automaton.change.weight.data.normal_(std=0.1)
    before, damaged, later = regrowth(automaton, clip, text, SIDE, damages=3, after=(2,))
    assert before.similarity == pytest.approx(before.twin_similarity, abs=1e-5)
    assert damaged.twin_similarity == before.twin_similarity
    assert not {*before.similarity} & {*damaged.similarity} and not {*damaged.similarity} & {*later.similarity}
    assert before.distance == [] and not {*later.twin_similarity} & {*before.similarity}
    assert [look.moment for look in (before, damaged, later)] == ["before", "damaged", "2 steps later"]
    target = torch.full((3, SIDE, SIDE), 0.5)
    first, hole, _ = regrowth(automaton, clip, text, SIDE, target, damages=2, after=(1,))
    assert first.distance == hole.twin_distance and max(hole.distance) < min(first.distance)  # a hole is gray
    with pytest.raises(ValueError, match="damages=0"):
        regrowth(automaton, clip, text, SIDE, damages=0)
    with pytest.raises(ValueError, match="steps that rise"):
        regrowth(automaton, clip, text, SIDE, after=(100, 50))


def test_settings_that_no_training_could_use_are_refused():
    with pytest.raises(ValueError, match="batch_size=9, pool=8"):
        small(batch_size=9)
    with pytest.raises(ValueError, match="damaged=4"):
        small(damaged=4)
    with pytest.raises(ValueError, match="0 to 6 steps"):
        small(fewest_steps=0)


def test_automata_come_back_from_a_file(automaton, tmp_path):
    automaton.change.weight.data.normal_()
    other = Automaton(AutomatonConfig())
    saved = {
        "one": LoadedAutomaton(automaton, Goal("a cat"), {"made": "today"}),
        "other": LoadedAutomaton(other, Goal("a heart", "❤️", 28), {}),
    }
    save_automata(tmp_path / "two.safetensors", saved)
    back = read_automata(tmp_path / "two.safetensors")
    assert {name: (one.goal, one.notes) for name, one in back.items()} == {
        name: (one.goal, one.notes) for name, one in saved.items()
    }
    assert torch.equal(back["one"].automaton.change.weight, automaton.change.weight)
    assert back["other"].automaton.config == other.config and not back["other"].automaton.change.weight.requires_grad


def test_a_file_of_something_else_is_refused(tmp_path):
    automaton_files.write_tensors(tmp_path / "none.safetensors", {"a": torch.zeros(1)}, {})
    with pytest.raises(ValueError, match="load a file written by save_automata"):
        read_automata(tmp_path / "none.safetensors")


@pytest.mark.slow
def test_the_command_adds_an_automaton_to_those_in_the_file(automaton, tmp_path, capsys):
    file = tmp_path / "some.safetensors"
    save_automata(file, {"other": LoadedAutomaton(automaton, Goal("a cat"), {})})
    main(["--only", "stars", "--iterations", "1", "--save", str(file)])
    back = read_automata(file)
    assert list(back) == ["other", "stars"] and back["stars"].goal == GOALS["stars"]
    notes = back["stars"].notes
    assert notes["training"]["iterations"] == 1 and len(notes["loss"]) == 1 and len(notes["regrowth"]) == 4
    assert "--only stars" in notes["command"] and "50 steps later" in capsys.readouterr().out
