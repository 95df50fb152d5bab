"""From a shell: what a run needs in the end is tried before it begins, and a finished model is saved first of all."""

import errno
import json
import shutil
import sys
import warnings

import pytest
import torch
from PIL import Image

from clip_tutor.data.batches import Photos
from clip_tutor.data.folder import read_folder
from clip_tutor.data.scenes import Scenes
from clip_tutor.training import __main__ as shell
from clip_tutor.training import processes
from clip_tutor.training.config import CHECKPOINT
from clip_tutor.training.processes import LostProcessError, failing_together
from clip_tutor.training.recipes import RunParts
from clip_tutor.training.run_folder import LastCheckpointError
from clip_tutor.weights import load

HISTORY = [{"step": 3.0, "seconds": 1.0, "loss": 2.0}]


def write_photos(folder, captions=("a cat", "a dog", "a car", "a tree")):
    folder.mkdir()
    for n in range(len(captions)):
        Image.new("RGB", (40, 40), (60 * n, 0, 0)).save(folder / f"{n}.png")
    rows = [{"file_name": f"{n}.png", "caption": caption} for n, caption in enumerate(captions)]
    (folder / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return folder


@pytest.fixture
def place(tmp_path):
    """A folder with photographs to train on and to measure on, and a file that describes the run."""
    write_photos(tmp_path / "train")
    write_photos(tmp_path / "test")
    return tmp_path


def run(place, entry=shell.main, **changes):
    """Run what a file says: the usual settings, with some changed."""
    settings = {
        "model": "tiny",
        "data": {"source": "folder", "path": str(place / "train")},
        "test": {"source": "folder", "path": str(place / "test")},
        "train": {"batch_size": 2, "learning_rate": 1e-3, "steps": 3, "warmup_steps": 1},
        "save": str(place / "done.safetensors"),
    }
    (place / "run.yaml").write_text(json.dumps(settings | changes), encoding="utf-8")  # JSON is YAML
    entry([str(place / "run.yaml"), "--device", "cpu"])


@pytest.fixture
def trained(monkeypatch, place, make_model, tokenizer):
    """Nothing is prepared or trained: `run` gets to the end at once, with a fresh tiny model."""
    parts = RunParts(make_model(), tokenizer, Photos(read_folder(place / "train"), 32))
    monkeypatch.setattr(shell, "prepare", lambda settings, device: parts)
    monkeypatch.setattr(shell, "train", lambda *arguments, run: HISTORY)
    return parts


# ---- before it begins -----------------------------------------------------------------------------------------------


def spoil_images(place):
    for file in (place / "test").glob("*.png"):
        file.write_bytes(b"not an image")


def empty_captions(place):
    (place / "test" / "captions.jsonl").write_text('{"file_name": "0.png", "captions": []}', encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "changes", "message"),
    [
        (lambda place: shutil.rmtree(place / "test"), {}, "there is no folder .*test"),
        (lambda place: (place / "test" / "captions.jsonl").unlink(), {}, "test has no file with captions"),
        (empty_captions, {}, "holds no caption"),
        (spoil_images, {}, r"none of the first 4 pairs can be measured.*\n.*0.png.* is not"),
        (None, {"save": "{place}/train/0.png/done.safetensors"}, "save: .*done.safetensors cannot be written"),
        (lambda place: (place / "done.safetensors").mkdir(), {}, "save: .*done.safetensors is a folder"),
        pytest.param(
            *(None, {"save": "/proc/done.safetensors"}, "save: /proc/done.safetensors cannot be written"),
            marks=pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc"),
        ),
        (None, {"run": "{place}/train/0.png"}, "run: .*cannot be written"),
        (None, {"model": "tinny"}, "there is no model 'tinny'"),
    ],
)
def test_what_could_not_end_well_does_not_begin(monkeypatch, place, spoil, changes, message):
    monkeypatch.setattr(shell, "prepare", lambda settings, device: pytest.fail("it began"))
    if spoil:
        spoil(place)
    with pytest.raises((OSError, ValueError, KeyError), match=message):
        run(place, **{name: value.format(place=place) for name, value in changes.items()})
    assert not list(place.glob(".*")), "what was tried leaves nothing behind"


def test_a_device_that_is_not_there():
    for name in ("ipu:7", "gpu"):
        with pytest.raises(ValueError, match=f"--device: {name} is not here"):
            shell.main(["first_light", "--device", name])


def test_measuring_on_what_was_trained_on_is_said(place, trained):
    with pytest.warns(UserWarning, match="test: these are the pairs that the model is trained on"):
        run(place, test={"source": "folder", "path": f"{place}/test/../train"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(place)
    assert load(place / "done.safetensors").notes["figures"]


def test_what_one_process_lacks_ends_all(monkeypatch):
    monkeypatch.setattr(processes, "all_gather_names", lambda names: names or ["OSError: no room on this machine"])
    with pytest.raises(KeyError, match="mine"), failing_together():
        raise KeyError("mine")
    sentence = "another process of this run cannot begin: OSError: no room"
    with pytest.raises(LostProcessError, match=sentence), failing_together():
        pass


# ---- when it has ended ----------------------------------------------------------------------------------------------


def test_the_figures_are_kept_with_the_model(place, trained, capsys):
    run(place)
    model, _, notes = load(place / "done.safetensors")
    said = capsys.readouterr().out.splitlines()
    assert said.index(f"saved to {place}/done.safetensors") < said.index(f"{'test_images':40} 4.000")
    assert json.loads(said[-1]) == {"steps": 3, "seconds": 1, "loss": 2} | notes["figures"]
    assert notes["figures"]["test_captions"] == 4 and notes["steps"] == 3
    assert torch.equal(model.text_tower.projection, trained.model.text_tower.projection)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_measuring_that_fails_costs_the_figures_and_not_the_model(monkeypatch, place, trained, capsys, error):
    def measure(parts, test):
        raise error

    monkeypatch.setattr(shell, "measure", measure)
    with pytest.raises(error):
        run(place)
    assert load(place / "done.safetensors").notes["steps"] == 3
    assert f"was not measured to the end; it is saved in {place}/done.safetensors" in capsys.readouterr().err


def test_a_full_disk_in_the_end_says_where_the_model_is(monkeypatch, place, trained):
    monkeypatch.setattr(shell.tempfile, "tempdir", str(place))

    def full(path, *arguments, dtype):
        if str(path) == f"{place}/done.safetensors":
            raise OSError(errno.ENOSPC, "no space left")
        save(path, *arguments, dtype=dtype)

    save = shell.save
    monkeypatch.setattr(shell, "save", full)
    with pytest.raises(OSError, match=rf"no space left.*The model is in {place}/run/{CHECKPOINT}"):
        run(place, run=f"{place}/run")
    with pytest.raises(OSError, match=r"no space left.*The model is in .*/done\.safetensors: ") as raised:
        run(place)
    assert load(str(raised.value).split("The model is in ")[1].split(": ")[0]).notes["steps"] == 3
    monkeypatch.setattr(shell.tempfile, "tempdir", f"{place}/train/0.png")
    with pytest.raises(OSError, match=r"no space left.*Nor is there room for temporary files: the model is lost"):
        run(place)


def test_a_last_checkpoint_that_cannot_be_written_costs_no_finished_model(monkeypatch, place, trained):
    def train(*arguments, run):
        raise LastCheckpointError("no space left", HISTORY)

    monkeypatch.setattr(shell, "train", train)
    with pytest.raises(LastCheckpointError, match=r"^no space left$"):
        run(place, run=f"{place}/run")
    assert load(place / "done.safetensors").notes["steps"] == 3


def test_a_reader_who_has_gone_costs_no_model(monkeypatch, place, trained):
    monkeypatch.setattr("builtins.print", lambda *words, **how: (_ for _ in ()).throw(BrokenPipeError))
    with pytest.raises(BrokenPipeError):
        run(place)
    assert load(place / "done.safetensors").notes["steps"] == 3


def test_a_run_that_was_stopped_before_its_first_step_has_no_model(monkeypatch, place, trained):
    monkeypatch.setattr(shell, "train", lambda *arguments, run: [])
    with pytest.raises(SystemExit, match="stopped before the first step"):
        run(place)
    assert not (place / "done.safetensors").exists()


# ---- how it ends ----------------------------------------------------------------------------------------------------


def test_a_mistake_in_the_settings_ends_in_one_sentence(place):
    for changes, sentence in (
        ({"train": {"batch_size": 0, "learning_rate": 1}}, "batch_size: is 0"),
        ({"model": "tinny"}, "^there is no model 'tinny'"),
        ({"data": {"source": "folder", "path": "nowhere"}}, "^there is no folder nowhere$"),
    ):
        with pytest.raises(SystemExit, match=sentence):  # with a text as its status: the text is printed, status 1
            run(place, entry=shell.from_shell, **changes)


def test_a_mistake_in_the_data_that_a_worker_meets_ends_in_one_sentence(place, make_model, tokenizer, monkeypatch):
    spoil_images(place)
    parts = RunParts(make_model(), tokenizer, Photos(read_folder(place / "test"), 32))
    monkeypatch.setattr(shell, "prepare", lambda settings, device: parts)
    with pytest.raises(SystemExit, match=r"^\d \w+ of batch 0 cannot be used, too many to go on\."):
        run(place, entry=shell.from_shell, test=None, train={"batch_size": 2, "learning_rate": 1, "workers": 1})


def test_a_mistake_of_the_kits_own_keeps_its_traceback(monkeypatch, place, trained):
    for mistake in (lambda: torch.zeros(2) @ torch.zeros(3), lambda: int("three"), lambda: {}["key"]):
        monkeypatch.setattr(shell, "measure", lambda parts, test, mistake=mistake: mistake())
        with pytest.raises((RuntimeError, ValueError, KeyError)):
            run(place, entry=shell.from_shell)


def test_ctrl_c_has_its_own_status(monkeypatch, place, trained):
    monkeypatch.setattr(shell, "measure", lambda parts, test: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(SystemExit) as left:
        run(place, entry=shell.from_shell)
    assert left.value.code == 130


# ---- scenes: the curve, and weights of half the size ----------------------------------------------------------------


def test_scenes_leave_a_curve_and_a_model_of_half_the_size(monkeypatch, tmp_path, make_model, tokenizer, objects):
    parts = RunParts(make_model(), tokenizer, Scenes(objects, size=32))
    monkeypatch.setattr(shell, "prepare", lambda settings, device: parts)
    monkeypatch.setattr(shell, "brief_report", lambda *_: {"recall_at_1": 0.25, "zero_shot_object": 0.5})
    monkeypatch.setattr(shell, "full_report", lambda *_, asked: {"recall_at_1": 0.25})
    settings = {
        "model": "tiny",
        "data": {"source": "scenes"},
        "train": {"batch_size": 4, "learning_rate": 1e-3, "steps": 2, "warmup_steps": 1},
        "save": str(tmp_path / "done.safetensors"),
        "half": True,
    }
    (tmp_path / "run.yaml").write_text(json.dumps(settings), encoding="utf-8")
    shell.main([str(tmp_path / "run.yaml"), "--curve", str(tmp_path / "curves" / "run.json"), "--device", "cpu"])
    curve = json.loads((tmp_path / "curves" / "run.json").read_text(encoding="utf-8"))
    assert curve == {"pairs": [4, 8], "recall_at_1": [0.25, 0.25], "zero_shot_object": [0.5, 0.5]}
    numbers = sum(parameter.numel() for parameter in parts.model.parameters())
    assert (tmp_path / "done.safetensors").stat().st_size < 3 * numbers
    assert load(tmp_path / "done.safetensors").model.log_logit_scale.dtype == torch.float32
    # A run that starts from this one's weights makes its curve longer.
    settings |= {"start_from": settings.pop("save"), "curve": str(tmp_path / "curves" / "run.json")}
    (tmp_path / "run.yaml").write_text(json.dumps(settings), encoding="utf-8")
    shell.main([str(tmp_path / "run.yaml"), "--device", "cpu"])
    curve = json.loads((tmp_path / "curves" / "run.json").read_text(encoding="utf-8"))
    assert curve == {"pairs": [4, 8, 12, 16], "recall_at_1": [0.25] * 4, "zero_shot_object": [0.5] * 4}


def test_a_curve_of_photographs_is_refused(place):
    with pytest.raises(ValueError, match="curve: is measured on scenes"):
        run(place, curve="curve.json")
