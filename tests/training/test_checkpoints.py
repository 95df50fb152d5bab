"""A killed run goes on as if nothing had happened, and a file that does not fit is refused and left alone."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open

from clip_tutor import weights
from clip_tutor.tokenizers import BPETokenizer
from clip_tutor.training import TrainConfig, train
from clip_tutor.training.config import CHECKPOINT, with_flat_settings
from clip_tutor.weights import files

CONFIG = TrainConfig(batch_size=8, learning_rate=1e-2, steps=11, warmup_steps=3, record_every=2, checkpoint_every=3)


class Killed(Exception):  # noqa: N818
    """What happens to the run."""


def kill_at(step: int):
    def on_record(history):
        if history[-1]["step"] >= step:
            raise Killed

    return on_record


def without_clocks(history):
    return [{k: v for k, v in r.items() if k not in ("seconds", "pairs_per_second", "waiting")} for r in history]


@pytest.fixture(scope="module")
def stopped_once(make_model, scenes, tokenizer, tmp_path_factory):
    """A folder with a run that was killed after step 8 and has its checkpoint of step 6."""
    folder = tmp_path_factory.mktemp("stopped")
    with pytest.raises(Killed):
        train(make_model(), tokenizer, scenes, CONFIG, run=folder, on_record=kill_at(8))
    return folder


@pytest.fixture
def stopped(stopped_once, tmp_path):
    """A copy of that folder, which a test may spoil."""
    return shutil.copytree(stopped_once, tmp_path / "run")


@pytest.mark.parametrize("stem_channels", [(), (4, 8, 8)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_killed_run_continues_to_the_same_numbers(make_model, scenes, tokenizer, tmp_path, stem_channels, layout):
    def fresh(seed):
        return make_model(seed, stem_channels=stem_channels).to(memory_format=layout)

    unbroken, broken = fresh(0), fresh(0)
    expected = train(unbroken, tokenizer, scenes, CONFIG)
    with pytest.raises(Killed):
        train(broken, tokenizer, scenes, CONFIG, run=tmp_path, on_record=kill_at(4))
    with pytest.raises(Killed):  # a second time
        train(fresh(1), tokenizer, scenes, CONFIG, run=tmp_path, on_record=kill_at(8))
    continued = fresh(2)
    history = train(continued, tokenizer, scenes, CONFIG, run=tmp_path)
    assert without_clocks(history) == without_clocks(expected)
    for name, tensor in unbroken.state_dict().items():
        assert torch.equal(continued.state_dict()[name], tensor), name


def test_what_a_kill_left_of_a_checkpoint_is_removed(make_model, scenes, tokenizer, stopped, monkeypatch):
    """safetensors writes into a file with a random name, and a kill leaves it there."""

    def killed(tensors, path, metadata):
        (path.parent / ".tmpB3k9xQ").write_bytes(b"half")
        raise Killed

    monkeypatch.setattr("clip_tutor.weights.files.save_file", killed)
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: None)  # a kill leaves no time for that
    with pytest.raises(Killed):
        train(make_model(), tokenizer, scenes, CONFIG, run=stopped)
    monkeypatch.undo()
    assert [path for path in stopped.rglob(".*") if path.name.startswith(".tmp")]
    train(make_model(), tokenizer, scenes, CONFIG, run=stopped)
    assert not list(stopped.rglob(".*"))


def test_time_goes_on_counting(make_model, scenes, tokenizer, stopped):
    history = train(make_model(), tokenizer, scenes, CONFIG, run=stopped)
    seconds = [record["seconds"] for record in history]
    assert seconds == sorted(seconds)
    assert [record["step"] for record in history] == [2, 4, 6, 8, 10, 11]


def test_a_finished_run_is_not_run_again(make_model, scenes, tokenizer, tmp_path):
    done, again = make_model(), make_model(1)
    history = train(done, tokenizer, scenes, CONFIG, run=tmp_path)
    before = (tmp_path / CHECKPOINT).read_bytes()
    assert train(again, tokenizer, scenes, CONFIG, run=tmp_path) == history
    assert torch.equal(again.text_tower.projection, done.text_tower.projection)
    assert (tmp_path / CHECKPOINT).read_bytes() == before
    longer = train(again, tokenizer, scenes, replace(CONFIG, steps=13), run=tmp_path)
    assert [record["step"] for record in longer][-2:] == [12, 13]


def test_a_checkpoint_is_a_model_too(make_model, stopped):
    model, tokenizer, _ = weights.load(stopped / CHECKPOINT)
    assert model.config == make_model().config
    assert tokenizer.encode("a cat")
    with safe_open(stopped / CHECKPOINT, "pt") as file:
        assert json.loads(file.metadata()["training"])["step"] == 6


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"batch_size": 16}, r"batch_size 8 → 16"),
        ({"learning_rate": 0.1, "seed": 3}, r"learning_rate 0\.01 → 0\.1, seed 0 → 3"),
        ({"weight_decay": 0.0}, r"weight_decay 0\.1 → 0\.0"),
        ({"warmup_steps": 5}, r"warmup_steps 3 → 5"),
    ],
)
def test_other_settings_are_refused_by_name(make_model, scenes, tokenizer, stopped, changes, named):
    before = (stopped / CHECKPOINT).read_bytes()
    with pytest.raises(
        ValueError, match=rf"was started with other settings \({named}\): continue it with the same ones"
    ):
        train(make_model(), tokenizer, scenes, replace(CONFIG, **changes), run=stopped)
    assert (stopped / CHECKPOINT).read_bytes() == before


def test_a_run_from_before_a_setting_existed_is_refused_by_name(make_model, scenes, tokenizer, stopped):
    tensors, metadata = weights.read_tensors(stopped / CHECKPOINT)
    settings = json.loads(metadata["settings"])
    del settings["seed"]
    weights.write_tensors(stopped / CHECKPOINT, tensors, metadata | {"settings": json.dumps(settings)})
    with pytest.raises(ValueError, match=r"other settings \(seed None → 0\)"):
        train(make_model(), tokenizer, scenes, CONFIG, run=stopped)


def test_a_run_from_before_there_was_a_loss_scale_goes_on(make_model, scenes, tokenizer, stopped):
    """Its settings stood side by side, as they still do in a checkpoint, though `Efficiency` is a config of its own."""
    tensors, metadata = weights.read_tensors(stopped / CHECKPOINT)
    settings, training = json.loads(metadata["settings"]), json.loads(metadata["training"])
    assert settings.keys() >= {"batch_size", "precision", "micro_batch", "shard"} and "efficiency" not in settings
    del training["overflow_steps"], metadata["scaler"]
    weights.write_tensors(stopped / CHECKPOINT, tensors, metadata | {"training": json.dumps(training)})
    other_memory = with_flat_settings(CONFIG, micro_batch=4, chunk_size=8)
    assert train(make_model(), tokenizer, scenes, other_memory, run=stopped)[-1]["step"] == 11
    with pytest.raises(ValueError, match=r"other settings \(precision auto → float32\)"):
        train(make_model(), tokenizer, scenes, with_flat_settings(CONFIG, precision="float32"), run=stopped)


def test_what_may_change_may_change(make_model, scenes, tokenizer, stopped):
    free = replace(CONFIG, steps=9, seconds=1000, workers=0, record_every=1, checkpoint_every=1)
    assert train(make_model(), tokenizer, scenes, free, run=stopped)[-1]["step"] == 9


def test_a_checkpoint_of_another_model_is_refused(make_model, scenes, tokenizer, stopped):
    other = make_model(width=32)
    start = {name: tensor.clone() for name, tensor in other.state_dict().items()}
    before = (stopped / CHECKPOINT).read_bytes()
    with pytest.raises(ValueError, match=r"holds another architecture .*image_tower\.blocks"):
        train(other, tokenizer, scenes, CONFIG, run=stopped)
    assert (stopped / CHECKPOINT).read_bytes() == before
    assert all(torch.equal(tensor, start[name]) for name, tensor in other.state_dict().items())


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_a_checkpoint_that_is_cut_off_is_refused_and_left_alone(make_model, scenes, tokenizer, stopped, share):
    file = stopped / CHECKPOINT
    half = file.read_bytes()[: int(share * file.stat().st_size)]
    file.write_bytes(half)
    with pytest.raises(ValueError, match="is cut off or not a safetensors file"):
        train(make_model(), tokenizer, scenes, CONFIG, run=stopped)
    assert file.read_bytes() == half


def test_a_model_is_not_a_run(make_model, scenes, tokenizer, tmp_path):
    weights.save(tmp_path / CHECKPOINT, make_model(), tokenizer)
    with pytest.raises(ValueError, match="is a model, not a run"):
        train(make_model(), tokenizer, scenes, CONFIG, run=tmp_path)


def test_a_write_that_fails_leaves_the_old_checkpoint(make_model, scenes, tokenizer, stopped, monkeypatch):
    def out_of_space(tensors, path, metadata):
        path.write_bytes(b"half of a file")
        raise OSError("no space left on device")

    before = (stopped / CHECKPOINT).read_bytes()
    monkeypatch.setattr(files, "save_file", out_of_space)
    with (
        pytest.warns(UserWarning, match="the run goes on, but step 9 is not saved: no space left"),
        pytest.raises(OSError, match="no space"),  # what cannot be saved in the end is an error
    ):
        train(make_model(), tokenizer, scenes, CONFIG, run=stopped)
    assert (stopped / CHECKPOINT).read_bytes() == before
    assert not [file.name for file in stopped.iterdir() if file.name.startswith(".")], "nothing half-written lies about"


def test_another_tokenizer_is_refused(make_model, scenes, tokenizer, stopped):
    other = BPETokenizer(tokenizer.merges[::-1], tokenizer.context_length)
    with pytest.raises(ValueError, match="started with another tokenizer, whose ids mean other words"):
        train(make_model(), other, scenes, CONFIG, run=stopped)
