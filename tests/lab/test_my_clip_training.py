"""``python my_clip.py``: what the file lacks comes from the library, and what it has is what trains."""

import copy
import linecache
import pickle
import subprocess
import sys

import pytest
import torch

from clip_tutor.lab.course.cells import solution_code
from clip_tutor.lab.exercises import Exercise, all_exercises
from clip_tutor.lab.my_clip import keep, training
from clip_tutor.lab.my_clip.file import MyFile, run
from clip_tutor.towers import VisionTransformer, ViTConfig
from clip_tutor.training import plain
from clip_tutor.training.recipes import RECIPES, RunParts, prepare
from clip_tutor.weights import load
from clip_tutor.zoo import create

KEPT = [exercise for exercise in all_exercises() if exercise.kept]
STEPS = 20


pytestmark = pytest.mark.usefixtures("file")


@pytest.fixture(scope="module")
def fresh():
    """A function that gives the parts of a run: each time the same model anew."""
    model, tokenizer, scenes = prepare(RECIPES["first_light"])
    return lambda: RunParts(copy.deepcopy(model), tokenizer, scenes)


def solved(exercises: list[Exercise]) -> dict:
    """Write the solutions of exercises, as a learner's own, into the learner's file; return a notebook's names."""
    names: dict = {}
    for exercise in exercises:
        module = sys.modules[exercise.reference.__module__]
        names = {**vars(module), **names, "__name__": "__main__"}
        code, name = solution_code(exercise), f"<cell {exercise.id}>"
        linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
        exec(compile(code, name, "exec"), names)
        assert keep(exercise, names[exercise.reference.__name__]) == "Kept in my_clip.py."
    return names


def test_every_part_of_training_is_kept_by_the_course():
    own = {"MyViT", "MyTextTower", "MyBlock", "MyTokenizer", *training.PARTS}
    assert own <= {exercise.reference.__name__ for exercise in KEPT}


def test_the_whole_file_is_the_librarys_model(file, fresh):
    """Every part of the course in one file: with the same weights its features are the library's."""
    solved(KEPT)
    names = vars(run(file.read_text(), file))
    assert all(training.is_own(names[exercise.reference.__name__]) for exercise in KEPT)
    (library, tokenizer, scenes), other = fresh(), create("tiny")
    text_tower = training.text_in_place_of(other.text_tower, names["MyTextTower"], names["MyBlock"], tokenizer.end_id)
    mine = names["MyCLIP"](training.in_place_of(other.image_tower, names["MyViT"]), text_tower)
    mine.load_state_dict(library.state_dict())
    batch = next(iter(scenes.stream(tokenizer, 8)))
    pixels = library.config.preprocessing.normalize(batch.pixels)
    for own, its in zip(mine.eval()(pixels, batch.ids), library.eval()(pixels, batch.ids), strict=False):
        torch.testing.assert_close(own, its, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_twenty_steps_have_the_losses_of_the_plain_loop(file, fresh, monkeypatch, capsys):
    solved(KEPT)
    losses: list[float] = []
    step = plain.train_step

    def recorded(model, optimizer, pixels, *rest):
        result = step(model, optimizer, pixels / 255, *rest)  # from 0 to 1, as the learner's `normalize` wants them
        losses.append(result[0].item())
        return result

    monkeypatch.setattr(plain, "train_step", recorded)
    model, tokenizer, scenes = fresh()
    plain.train(model, tokenizer, scenes, 16, RECIPES["first_light"].train.learning_rate, STEPS)
    capsys.readouterr()

    monkeypatch.setattr(training, "UNSEEN", 16)
    monkeypatch.setattr(training, "prepare", lambda *_: fresh())
    saved = file.with_suffix(".safetensors")
    mine = training.main(str(file), ["--steps", str(STEPS), "--batch-size", "16", "--save", str(saved)])
    saved_weights = load(saved).model.state_dict()
    assert all(torch.equal(tensor, saved_weights[name]) for name, tensor in mine.state_dict().items())
    said = capsys.readouterr().out
    told = [float(line.split("loss ")[1].split(",")[0]) for line in said.splitlines() if line.startswith("step")]
    assert told == pytest.approx(losses, abs=1e-4)
    assert len(told) == STEPS
    # Adam moves single weights by gradients that are mostly rounding: it is each tensor's whole way that is the same.
    for own, its, start in zip(mine.parameters(), model.parameters(), fresh().model.parameters(), strict=True):
        assert (own - its).norm() <= 0.01 * (its - start).norm()
    assert "yours: MyViT, MyTextTower, contrastive_loss" in said and ", MyTokenizer\n" in said
    assert "the library's: nothing\n" in said and "recall@1 among 16 unseen scenes" in said


def test_a_missing_part_calls_the_ones_that_are_there(file, fresh):
    """A learner who wrote the step and not the loop trains with their step."""
    (step,) = (exercise for exercise in KEPT if exercise.reference.__name__ == "train_step")
    solved([step])
    file.write_text(file.read_text().replace("return loss.detach()", "return 0 * loss.detach() + 7"))
    names = vars(run(file.read_text(), file))
    assert training.complete(names) == ["train_step"]
    library, tokenizer, scenes = fresh()
    told: list[float] = []
    model = names["MyCLIP"](library.image_tower, library.text_tower)
    batches = scenes.stream(tokenizer, 4)
    names["train"](model, batches, 1e-3, 2, 1, 0.1, lambda step, loss, scale: told.append(loss))
    assert told == [7.0, 7.0]


def test_an_import_is_not_the_learners_own(file):
    (step,) = (exercise for exercise in KEPT if exercise.reference.__name__ == "train_step")
    solved([step])
    names = vars(run(file.read_text(), file))
    assert "contrastive_loss" in names and not training.is_own(names["contrastive_loss"])


class TheirViT(VisionTransformer):
    """Takes what a learner's MyViT takes."""

    def __init__(self, image_size, patch_size, width, layers, heads, embed_dim, activation, patch_embed=None):
        super().__init__(ViTConfig(image_size, patch_size, width, layers, heads, "gelu"), embed_dim)
        self.patch_embed = patch_embed or self.patch_embed


def test_the_learners_vision_transformer_takes_the_librarys_place(fresh):
    library, tokenizer, scenes = fresh()
    own = training.in_place_of(library.image_tower, TheirViT)
    pixels = library.config.preprocessing.normalize(next(iter(scenes.stream(tokenizer, 2))).pixels)
    torch.testing.assert_close(own.eval()(pixels), library.eval().encode_image(pixels))
    assert own.patch_embed is library.image_tower.patch_embed


def test_the_learners_tokenizer_lays_out_the_rows(file, fresh):
    solved([exercise for exercise in KEPT if exercise.id.startswith("02")])
    _, tokenizer, scenes = fresh()
    own = training.OwnTokenizer(file, tokenizer.merges, tokenizer.context_length)
    captions = [*scenes.batch(range(8)).captions, "a cat " * 90, "CAFÉ &amp; 🐶"]
    for one in (own, pickle.loads(pickle.dumps(own))):  # a process that prepares batches may get it so
        assert training.is_own(type(one._own))
        for pad in ("longest", "context_length"):
            assert one(captions, truncate=True, pad=pad) == tokenizer(captions, truncate=True, pad=pad)
    with pytest.raises(ValueError, match="tokens"):
        own(captions)


def test_the_learners_text_tower_goes_with_the_librarys_blocks(file, fresh):
    """A learner who wrote the text tower of notebook 06 and no block gets the blocks from the library."""
    solved([exercise for exercise in KEPT if exercise.id.startswith("06")])
    names = vars(run(file.read_text(), file))
    assert "MyBlock" not in names
    library, tokenizer, scenes = fresh()
    block = training._references()["MyBlock"]
    own = training.text_in_place_of(library.text_tower, names["MyTextTower"], block, tokenizer.end_id)
    ids = next(iter(scenes.stream(tokenizer, 4))).ids
    torch.testing.assert_close(own.eval()(ids), library.eval().encode_text(ids), rtol=0, atol=1e-5)


@pytest.mark.slow
def test_the_file_trains_from_a_shell(file, monkeypatch):
    MyFile.read(file).write(file)
    command = [sys.executable, file, "--steps", "2", "--batch-size", "4"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "yours: nothing yet" in ran.stdout and "step 2 of 2: loss" in ran.stdout and "recall@1" in ran.stdout
