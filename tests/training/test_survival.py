"""What a long run meets: kill -9, a full disk, NaN, damaged images, a dead worker. None of it costs the run."""

import csv
import math
import os
import signal
import time
from dataclasses import replace

import pytest
import torch
from PIL import Image

from clip_tutor.data.batches import Photos
from clip_tutor.data.pairs import Pair
from clip_tutor.data.scenes import Scenes, SceneStream
from clip_tutor.model import CLIP
from clip_tutor.towers import ConvNeXtConfig
from clip_tutor.training import TrainConfig, train
from clip_tutor.training.config import CHECKPOINT, with_flat_settings
from clip_tutor.training.log import LOG, SKIPPED, read_log
from clip_tutor.training.skipped import BrokenModelError
from tests.forking import forkserver
from tests.training import program

CONFIG = TrainConfig(batch_size=8, learning_rate=1e-3, steps=9, warmup_steps=3, record_every=1, checkpoint_every=3)


def assert_same_weights(one, other):
    for name, tensor in one.items():
        assert torch.equal(other[name], tensor), name


# ---- kill -9 --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.posix
def test_kill_9_at_any_step_costs_no_bit(tmp_path):
    processes = forkserver()
    (tmp_path / "unbroken").mkdir()
    # The same run, killed again and again, in the middle of whatever it is doing, and once not at all.
    for folder, kill_at in ((tmp_path / "unbroken", 0), (tmp_path, 2), (tmp_path, 6), (tmp_path, 9), (tmp_path, 0)):
        lines, theirs = processes.Pipe(duplex=False)
        settings = ["run-stem", str(folder), "ema=0.9", "checkpoint_every=1", "steps=12"]
        process = processes.Process(target=program.say_to, args=(theirs, settings))
        process.start()
        theirs.close()
        with open(lines.fileno(), closefd=False) as said:
            for line in said:
                if line == f"step {kill_at}\n":
                    time.sleep(0.003 * kill_at)
                    process.kill()
        process.join()
        assert process.exitcode == (-signal.SIGKILL if kill_at else 0)
    broken, unbroken = (torch.load(folder / "final.pt") for folder in (tmp_path, tmp_path / "unbroken"))
    assert_same_weights(unbroken["weights"], broken["weights"])
    assert broken["losses"] == unbroken["losses"]
    assert not [file.name for file in tmp_path.iterdir() if file.name.startswith(".")], "drafts are cleaned up"
    assert [record["loss"] for record in read_log(tmp_path)] == broken["losses"], "no line twice, none missing"


@pytest.mark.parametrize("settings", [{"ema": 0.9}, {"freeze": "image"}, {"layer_decay": 0.5}])
def test_every_setting_survives_a_restart(make_model, scenes, tokenizer, tmp_path, settings):
    unbroken, broken = make_model(stem_channels=(4, 8, 8)), make_model(stem_channels=(4, 8, 8))
    config = replace(CONFIG, **settings)
    train(unbroken, tokenizer, scenes, config)

    def kill(history):
        if history[-1]["step"] == 5:
            raise KeyError

    with pytest.raises(KeyError):
        train(broken, tokenizer, scenes, config, run=tmp_path, on_record=kill)
    continued = make_model(seed=1, stem_channels=(4, 8, 8))
    train(continued, tokenizer, scenes, config, run=tmp_path)
    assert_same_weights(unbroken.state_dict(), continued.state_dict())


def test_dropped_paths_survive_a_restart(make_model, scenes, tokenizer, tmp_path):
    tower = ConvNeXtConfig(32, (1, 1, 1, 2), (8, 8, 16, 16), drop_path=0.5)
    config = replace(make_model().config, vision=tower)

    def fresh(seed):
        torch.manual_seed(seed)
        return CLIP(config)

    def kill(history):
        if history[-1]["step"] == 4:
            raise KeyError

    unbroken, continued = fresh(0), fresh(1)
    train(unbroken, tokenizer, scenes, CONFIG)
    with pytest.raises(KeyError):
        train(fresh(0), tokenizer, scenes, CONFIG, run=tmp_path, on_record=kill)
    torch.rand(7)  # whatever else draws numbers must not matter
    train(continued, tokenizer, scenes, CONFIG, run=tmp_path)
    assert_same_weights(unbroken.state_dict(), continued.state_dict())


# ---- a full disk ----------------------------------------------------------------------------------------------------


@pytest.mark.posix
def test_a_full_disk_costs_checkpoints_and_not_the_run(make_model, scenes, tokenizer, tmp_path):
    """A limit on the size of files stands for the full disk: the kernel refuses to write on, as it would there."""
    import resource  # Windows has none

    train(make_model(), tokenizer, scenes, replace(CONFIG, steps=3), run=tmp_path)
    before, model = (tmp_path / CHECKPOINT).read_bytes(), make_model(seed=1)
    usual = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, resource.RLIM_INFINITY))
    try:
        with (
            pytest.warns(UserWarning, match="the run goes on, but step 6 is not saved"),
            pytest.raises(OSError, match=r"could not be written .*: make room on the disk; what was there before"),
        ):
            train(model, tokenizer, scenes, CONFIG, run=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        signal.signal(signal.SIGXFSZ, usual)
    assert (tmp_path / CHECKPOINT).read_bytes() == before
    history = train(make_model(seed=2), tokenizer, scenes, CONFIG, run=tmp_path)
    assert [record["step"] for record in history] == list(range(1, 10)), "and with room again it goes on from step 3"


def test_a_log_that_cannot_be_written_is_not_worth_a_run(make_model, scenes, tokenizer, tmp_path):
    (tmp_path / LOG).mkdir()  # in the way of the file
    with pytest.warns(UserWarning, match="the run goes on, but its log in .* does not"):
        history = train(make_model(), tokenizer, scenes, CONFIG, run=tmp_path)
    assert len(history) == 9


# ---- broken numbers -------------------------------------------------------------------------------------------------


class Spoiled(Scenes):
    """Scenes as floats, of which number 26 (row 2 of batch 3), or every one, is not a number."""

    everything = False

    def stream(self, *arguments):
        outer = self

        class Stream(SceneStream):
            def __iter__(self):
                for k, batch in enumerate(super().__iter__()):
                    pixels = batch.pixels.float() / 255
                    if outer.everything:
                        pixels[:] = math.nan
                    elif k + self.start == 3:
                        pixels[2, 0, 5, 5] = math.nan
                    yield batch._replace(pixels=pixels)

        return Stream(self, *arguments)


@pytest.mark.parametrize("settings", [{}, {"micro_batch": 4}, {"loss": "sigmoid"}])
def test_a_batch_with_nan_is_skipped_and_its_sample_named(make_model, objects, tokenizer, tmp_path, capsys, settings):
    model = make_model(stem_channels=(4, 8, 8))
    if settings.get("loss") == "sigmoid":
        model.logit_bias = torch.nn.Parameter(torch.tensor(-2.0))
    seen = []

    def watch(history):
        seen.append({name: tensor.clone() for name, tensor in model.state_dict().items()})

    config = with_flat_settings(CONFIG, **settings)
    history = train(model, tokenizer, Spoiled(objects, size=32), config, run=tmp_path, on_record=watch)
    assert [record["step"] for record in history] == [1, 2, 3, 5, 6, 7, 8, 9]
    assert history[-1]["skipped_steps"] == 1
    assert all(tensor.isfinite().all() for state in seen for tensor in state.values()), "running statistics, too"
    said = capsys.readouterr().out
    assert "step 4: skipped, its numbers are not finite; suspect: train scene 26" in said
    rows = list(csv.reader((tmp_path / SKIPPED).open()))
    assert rows == [["step", "what", "sample"], ["4", "step gave NaN or infinity", "train scene 26"]]


def test_a_skipped_step_moves_nothing(make_model, objects, tokenizer):
    model = make_model(stem_channels=(4, 8, 8))
    nonfinite_rows = Spoiled(objects, size=32)
    train(model, tokenizer, nonfinite_rows, replace(CONFIG, steps=3))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    nonfinite_rows.everything = True
    train(model, tokenizer, nonfinite_rows, replace(CONFIG, steps=1))
    assert_same_weights(before, model.state_dict())


def test_a_broken_model_is_not_trained_on(make_model, objects, tokenizer):
    nonfinite_rows = Spoiled(objects, size=32)
    nonfinite_rows.everything = True
    with pytest.raises(BrokenModelError, match=r"the last 10 steps, up to step 10, gave NaN.*smaller learning_rate"):
        train(make_model(), tokenizer, nonfinite_rows, replace(CONFIG, steps=50))


# ---- damaged images, dead workers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [0, 2])
def test_an_image_that_does_not_decode_is_left_out_counted_and_named(make_model, tokenizer, tmp_path, capsys, workers):
    pairs = [Pair(f"{n}.png", Image.new("RGB", (40, 40), (9 * n, 0, 0)), ("a red square",)) for n in range(24)]
    pairs[5] = Pair("5.jpg", b"\xff\xd8\xff half a file", ("a cat",))
    config = replace(CONFIG, steps=6, workers=workers)
    history = train(make_model(), tokenizer, Photos(pairs, 32), config, run=tmp_path)
    assert history[-1]["skipped_images"] == 2, "once an epoch"
    assert capsys.readouterr().out.count("left out 5.jpg: ") == 2
    rows = list(csv.reader((tmp_path / SKIPPED).open()))[1:]
    assert all(what == "image does not decode" and sample.startswith("5.jpg: ") for _, what, sample in rows)


class Deadly(Scenes):
    """Scenes whose worker dies. Workers that are not forked import this by its name."""

    def show(self, plan, indices, mirrored, searches):
        if indices[0] >= 32:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().show(plan, indices, mirrored)


class Wrong(Scenes):
    """Scenes with a mistake in them."""

    def show(self, plan, indices, mirrored, searches):
        raise KeyError("a mistake in my data set")


@pytest.mark.posix
def test_a_worker_that_dies_is_reported_and_does_not_hang(make_model, objects, tokenizer):
    began = time.perf_counter()
    with pytest.raises(RuntimeError, match=r"prepares batches died at step \d.*ran out of memory.*fewer workers"):
        train(make_model(), tokenizer, Deadly(objects, size=32), replace(CONFIG, steps=50, workers=2))
    assert time.perf_counter() - began < 30


def test_a_mistake_in_a_worker_is_shown_as_it_is(make_model, objects, tokenizer):
    with pytest.raises(KeyError, match="a mistake in my data set"):
        train(make_model(), tokenizer, Wrong(objects, size=32), replace(CONFIG, workers=1))
