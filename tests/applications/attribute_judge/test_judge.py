"""The judge: what it is asked, what counts as right, and a file that says which objects it means."""

from pathlib import Path

import pytest
import torch

from clip_tutor.applications.attribute_judge import (
    AttributeJudge,
    JudgeConfig,
    facts_of,
    load_judge,
    save_judge,
    verdicts,
)
from clip_tutor.applications.attribute_judge import train as program
from clip_tutor.applications.attribute_judge.facts import ARRANGEMENTS, fact_sizes
from clip_tutor.data.drawing import BACKGROUNDS
from clip_tutor.data.emoji import FIRST_WORDS, find_emoji
from clip_tutor.data.scenes import Scene, Scenes
from clip_tutor.weights import write_tensors

OBJECTS = find_emoji(FIRST_WORDS)
SMALL = JudgeConfig(objects=len(OBJECTS), image_size=16, width=4)


def scene(*numbers: int, count: int = 1, relation: str | None = None, background: str = "red") -> Scene:
    shown = tuple(OBJECTS[n] for n in numbers)
    return Scene(0, "pair" if relation else "one", shown, count, None, relation, background, "")  # type: ignore[arg-type]


def test_an_image_has_one_description():
    red, blue = (list(BACKGROUNDS).index(color) for color in ("red", "blue"))
    nobody, alone = len(OBJECTS), ARRANGEMENTS.index(None)
    scenes = [
        scene(3, count=3, background="blue"),
        scene(1, 2, count=2, relation="above"),
        scene(2, 1, count=2, relation="below"),
        scene(1, 2, count=2, relation="left of"),
        scene(2, 1, count=2, relation="right of"),
    ]
    assert facts_of(scenes, OBJECTS).tolist() == [
        [3, nobody, 2, alone, blue],
        *[[1, 2, 1, ARRANGEMENTS.index("above"), red]] * 2,
        *[[1, 2, 1, ARRANGEMENTS.index("left of"), red]] * 2,
    ]


def test_all_facts_of_scenes_can_be_told():
    facts = facts_of(Scenes(OBJECTS, "test", 16).scenes(range(3000)), OBJECTS)
    for column, size in zip(facts.T, fact_sizes(len(OBJECTS)).values(), strict=True):
        assert column.unique().tolist() == list(range(size))


def test_each_attribute_is_right_by_itself():
    told = facts_of([scene(1, 2, count=2, relation="above"), scene(3)], OBJECTS)
    seen = {
        "as told": told,
        "exchanged": facts_of([scene(2, 1, count=2, relation="above"), scene(3)], OBJECTS),
        "beside": facts_of([scene(1, 2, count=2, relation="left of"), scene(3)], OBJECTS),
        "others": facts_of([scene(1, 4, count=2, relation="above"), scene(5)], OBJECTS),
        "more": facts_of([scene(1, 2, count=2, relation="above"), scene(3, count=2)], OBJECTS),
        "on blue": facts_of([scene(1, 2, count=2, relation="above"), scene(3, background="blue")], OBJECTS),
    }
    yes, no = [True, True], [True, False]
    right = {"object": yes, "count": yes, "background": yes, "relation": [True]}
    wrong = {
        "exchanged": {"relation": [False]},
        "beside": {"relation": [False]},
        "others": {"object": [False, False], "relation": [False]},
        "more": {"count": no},
        "on blue": {"background": no},
    }
    for name, facts in seen.items():
        found = {attribute: hits.tolist() for attribute, hits in verdicts(facts, told).items()}
        assert found == right | wrong.get(name, {}), name


def test_a_judge_reads_pixels_of_its_size():
    judge = AttributeJudge(SMALL).eval()
    pixels = Scenes(OBJECTS, "test", 16).batch(range(6)).pixels
    facts = judge.read(pixels)
    assert facts.shape == (6, 5)
    assert torch.equal(judge.read(pixels[2:4]), facts[2:4]), "each image is judged by itself"
    with pytest.raises(ValueError, match=r"pixels of torch.float32 and shape \(6, 3, 16, 16\): the judge reads uint8"):
        judge.read(pixels / 255)
    with pytest.raises(ValueError, match=r"shape \(6, 3, 8, 8\): .* \(B, 3, 16, 16\)"):
        judge.read(pixels[..., ::2, ::2])
    with pytest.raises(ValueError, match="an image of 20 pixels cannot be halved three times"):
        JudgeConfig(objects=3, image_size=20)


def test_every_second_pair_changes_places():
    batch = Scenes(OBJECTS, "test", 32, kinds=("pair",)).batch(range(40))
    told = facts_of(batch.scenes, OBJECTS)
    pixels, facts = program.exchanged(batch.pixels, told)
    assert torch.equal(facts[::2], told[::2]) and torch.equal(pixels[::2], batch.pixels[::2])
    assert torch.equal(facts[1::2, :2], told[1::2, :2].flip(1)) and torch.equal(facts[:, 2:], told[:, 2:])
    for image, moved, arrangement in zip(batch.pixels[1::2], pixels[1::2], told[1::2, 3].tolist(), strict=True):
        halves = image.chunk(2, dim=2 - arrangement)  # "left of" is 0, "above" 1
        assert torch.equal(moved, torch.cat(halves[::-1], dim=2 - arrangement))
    alone = Scenes(OBJECTS, "test", 32, kinds=("one", "several")).batch(range(10))
    told = facts_of(alone.scenes, OBJECTS)
    assert all(map(torch.equal, program.exchanged(alone.pixels, told), (alone.pixels, told)))


def test_what_is_loaded_judges_as_what_was_saved(tmp_path: Path):
    torch.manual_seed(0)
    judge = AttributeJudge(SMALL).half().float().eval()
    path = tmp_path / "judge.safetensors"
    save_judge(path, judge, OBJECTS[::-1], {"made": "today"})
    loaded = load_judge(path)
    assert loaded.objects == OBJECTS[::-1] and loaded.notes == {"made": "today"} and not loaded.judge.training
    pixels = Scenes(OBJECTS, "test", 16).batch(range(6)).pixels.float() / 255
    for ours, theirs in zip(judge(pixels), loaded.judge(pixels), strict=True):
        torch.testing.assert_close(ours, theirs)
    with pytest.raises(ValueError, match="3 objects, and the judge knows 104"):
        save_judge(path, judge, OBJECTS[:3])
    write_tensors(path, {"a": torch.zeros(1)}, {})
    with pytest.raises(ValueError, match="does not say which judge they belong to"):
        load_judge(path)


@pytest.mark.slow
def test_the_program_trains_measures_and_saves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    for name, few in (("LOOKED_AT", 20), ("ASKED", 60)):
        monkeypatch.setattr(program, name, few)
    saved, run = tmp_path / "judge.safetensors", tmp_path / "run"
    program.main(["--steps", "60", "--batch-size", "16", "--save", str(saved), "--run", str(run)])
    judge, objects, notes = load_judge(saved)
    assert notes["images"] == 960 and notes["command"].endswith(str(run)) and objects == OBJECTS
    told = program.judge_accuracy(judge, Scenes(OBJECTS, "test", 32, program.SEED + 1), 60)
    assert told == pytest.approx({name: notes["accuracy"][name] for name in told}, abs=0.04)
    assert {f"compositional_{name}" for name in told} | set(told) == set(notes["accuracy"])
    assert told["background"] > 0.5, "colors are learned first"
    assert str(saved) in capsys.readouterr().out
