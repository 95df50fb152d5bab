"""The loop learns, stops when asked, and tells what it did."""

import math
import signal
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from clip_tutor.data.scenes import Scenes
from clip_tutor.embedding import encode_images, encode_texts
from clip_tutor.evaluation.retrieval import retrieval_report
from clip_tutor.training import TrainConfig, run_folder, train
from clip_tutor.training.config import CHECKPOINT
from clip_tutor.weights import load

CONFIG = TrainConfig(batch_size=8, learning_rate=1e-2, steps=6, warmup_steps=2, record_every=2)


class SameEight(Scenes):
    """The same eight scenes again and again."""

    def show(self, plan, indices, mirrored=0.5, searches=None):
        return super().show(self.plan(range(8)), range(8), mirrored)


def test_eight_pairs_are_learned_by_heart(make_model, objects, tokenizer):
    scenes, model = SameEight(objects, size=32), make_model(width=32)
    config = TrainConfig(batch_size=8, learning_rate=3e-3, steps=60, warmup_steps=5, record_every=1)
    history = train(model, tokenizer, scenes, config)
    assert history[0]["loss"] > 0.5
    assert history[-1]["loss"] < 0.1
    pixels, captions, _ = scenes.batch(range(8))
    report = retrieval_report(encode_images(model, pixels), encode_texts(model, tokenizer, captions))
    assert report["recall_at_1"] == report["image_to_text_recall_at_1"] == 1


@pytest.mark.parametrize("stem_channels", [(), (4, 8, 8)])
def test_the_loss_begins_near_ln_n(make_model, scenes, tokenizer, stem_channels):
    model = make_model(width=32, embed_dim=256, stem_channels=stem_channels)
    history = train(model, tokenizer, scenes, replace(CONFIG, batch_size=64, steps=1))
    assert history[0]["loss"] == pytest.approx(math.log(64), abs=0.3)
    assert history[0]["logit_scale"] == pytest.approx(1 / 0.07)


def test_a_record_says_what_happened(make_model, scenes, tokenizer):
    seen: list[list[float]] = []
    history = train(
        make_model(),
        tokenizer,
        scenes,
        replace(CONFIG, steps=5),
        on_record=lambda h: seen.append([r["step"] for r in h]),
    )
    assert seen == [[2], [2, 4], [2, 4, 5]], "every second step, and the last"
    for record in history:
        assert set(record) >= {"step", "seconds", "loss", "logit_scale", "learning_rate", "pairs_per_second"}
        assert all(math.isfinite(value) for value in record.values())
    assert [record["learning_rate"] for record in history] == pytest.approx([1e-2, 7.5e-3, 2.5e-3])
    assert 0 < history[0]["seconds"] < history[-1]["seconds"]


def test_evaluation_comes_when_due_and_at_the_end(make_model, scenes, tokenizer):
    modes = []

    def evaluate(model):
        modes.append(model.training)
        return {"accuracy": 0.5}

    model = make_model()
    config = replace(CONFIG, steps=8, record_every=4)
    history = train(model, tokenizer, scenes, config, evaluate=evaluate, evaluate_every=3)
    assert [record["step"] for record in history if "accuracy" in record] == [3, 6, 8]
    assert [record["step"] for record in history] == [3, 4, 6, 8]
    assert modes == [False] * 3, "in evaluation mode"
    assert not model.training


def test_a_model_trains_where_it_is_and_as_it_is(make_model, scenes, tokenizer):
    """Two runs are the same run, whatever draws the scenes and whatever is watched."""
    results = []
    for settings in ({}, {"workers": 2}, {"record_every": 1}):
        model = make_model(stem_channels=(4, 8, 8))
        train(model, tokenizer, scenes, replace(CONFIG, **settings))
        results.append(model.state_dict())
    for other in results[1:]:
        assert all(torch.equal(tensor, other[name]) for name, tensor in results[0].items())


def test_the_scale_never_passes_its_ceiling(make_model, scenes, tokenizer):
    model = make_model()
    model.log_logit_scale.data.fill_(math.log(99.9))
    history = train(model, tokenizer, scenes, replace(CONFIG, learning_rate=0.5, record_every=1))
    assert all(1 - 1e-5 <= record["logit_scale"] <= 100.001 for record in history)
    assert min(record["logit_scale"] for record in history) < 99, "it moved"


@pytest.mark.slow
def test_a_run_may_be_given_in_seconds(make_model, scenes, tokenizer):
    config = replace(CONFIG, steps=1_000_000, seconds=1.5, warmup_steps=3, record_every=1)
    began = time.perf_counter()
    history = train(make_model(), tokenizer, scenes, config)
    assert 1.5 <= time.perf_counter() - began < 6
    assert 1.5 <= history[-1]["seconds"] < 3
    rates = [record["learning_rate"] for record in history]
    assert max(rates) <= config.learning_rate
    assert rates[-1] < 0.15 * config.learning_rate, "the cosine ends with the time"


def test_seconds_need_no_warm_up(make_model, scenes, tokenizer):
    history = train(make_model(), tokenizer, scenes, replace(CONFIG, seconds=100, warmup_steps=0, record_every=1))
    assert history[0]["learning_rate"] == pytest.approx(CONFIG.learning_rate)
    assert history[-1]["step"] == 6, "steps or seconds, whichever comes first"


# ---- what watches a run ---------------------------------------------------------------------------------------------


def raise_at(step):
    def watch(history):
        if history[-1]["step"] == step:
            raise ZeroDivisionError

    return watch


def test_an_evaluation_that_fails_costs_no_step(make_model, scenes, tokenizer, tmp_path):
    model = make_model()
    with pytest.raises(ZeroDivisionError):
        train(model, tokenizer, scenes, CONFIG, run=tmp_path, evaluate=lambda model: 1 / 0, evaluate_every=5)
    saved = load(tmp_path / CHECKPOINT).model.state_dict()
    assert all(torch.equal(tensor, saved[name]) for name, tensor in model.state_dict().items())
    history = train(make_model(), tokenizer, scenes, CONFIG, run=tmp_path)
    assert [record["step"] for record in history] == [2, 4, 5, 6]


def test_a_curve_that_fails_in_the_end_costs_no_finished_run(make_model, scenes, tokenizer, tmp_path):
    model = make_model()
    with pytest.raises(ZeroDivisionError):
        train(model, tokenizer, scenes, CONFIG, run=tmp_path, on_record=raise_at(6))
    assert torch.equal(load(tmp_path / CHECKPOINT).model.text_tower.projection, model.text_tower.projection)


def test_figures_of_any_kind_are_kept_as_numbers(make_model, scenes, tokenizer, tmp_path):
    figures = {"accuracy": torch.tensor(0.5), "recall": np.float32(0.25)}
    history = train(make_model(), tokenizer, scenes, CONFIG, run=tmp_path, evaluate=lambda model: figures)
    assert train(make_model(), tokenizer, scenes, CONFIG, run=tmp_path) == history, "read again from the checkpoint"
    assert (history[-1]["accuracy"], history[-1]["recall"]) == (0.5, 0.25)


def test_a_last_checkpoint_that_fails_leaves_the_model_finished(make_model, scenes, tokenizer, tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError("no space left")

    config, model, expected = replace(CONFIG, ema=0.5), make_model(), make_model()
    history = train(expected, tokenizer, scenes, config)
    monkeypatch.setattr(run_folder, "save_run", full)
    with pytest.raises(run_folder.LastCheckpointError, match="no space left") as raised:
        train(model, tokenizer, scenes, config, run=tmp_path)
    assert [record["loss"] for record in raised.value.history] == [record["loss"] for record in history]
    assert torch.equal(model.text_tower.projection, expected.text_tower.projection), "the average, as at any end"
    assert not model.training


def test_a_run_that_could_not_be_kept_is_not_begun(make_model, scenes, tokenizer, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"run: .* cannot be written"):
        train(make_model(), tokenizer, scenes, CONFIG, run=tmp_path / "file", on_record=lambda h: pytest.fail("begun"))
    with pytest.raises(ValueError, match="evaluate_every: is 0, and must be 1 or more"):
        train(make_model(), tokenizer, scenes, CONFIG, evaluate=lambda model: {}, evaluate_every=0)


# ---- Ctrl-C ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [0, 2])
def test_ctrl_c_ends_the_run_and_keeps_what_was_learned(make_model, scenes, tokenizer, tmp_path, workers):
    usual = signal.getsignal(signal.SIGINT)
    model, untouched = make_model(), make_model()

    def press_ctrl_c(history):
        if history[-1]["step"] == 4:
            signal.raise_signal(signal.SIGINT)

    config = replace(CONFIG, steps=1000, workers=workers)
    history = train(model, tokenizer, scenes, config, run=tmp_path, on_record=press_ctrl_c)
    assert history[-1]["step"] == 4
    assert signal.getsignal(signal.SIGINT) is usual
    saved = load(tmp_path / CHECKPOINT).model
    assert not model.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, saved.state_dict()[name])
    assert not torch.equal(model.text_tower.projection, untouched.text_tower.projection)
    again = train(make_model(), tokenizer, scenes, replace(config, steps=6), run=tmp_path)
    assert [record["step"] for record in again] == [2, 4, 6], "and the run can go on"


def test_ctrl_c_while_a_scene_is_drawn_finishes_the_step(make_model, scenes, tokenizer, monkeypatch):
    draw = Scenes.show

    def press_ctrl_c(self, plan, indices, mirrored, searches):
        if indices[0] == 3 * CONFIG.batch_size:
            signal.raise_signal(signal.SIGINT)
        return draw(self, plan, indices, mirrored)

    monkeypatch.setattr(Scenes, "show", press_ctrl_c)
    history = train(make_model(), tokenizer, scenes, replace(CONFIG, steps=20, record_every=100))
    assert [record["step"] for record in history] == [4]


def test_a_second_ctrl_c_interrupts_at_once(make_model, scenes, tokenizer):
    def press_twice(history):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    usual = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(make_model(), tokenizer, scenes, CONFIG, on_record=press_twice)
    assert signal.getsignal(signal.SIGINT) is usual


def test_a_thread_can_train(make_model, scenes, tokenizer):
    histories = []
    thread = threading.Thread(target=lambda: histories.append(train(make_model(), tokenizer, scenes, CONFIG)))
    thread.start()
    thread.join()
    assert histories[0][-1]["step"] == 6
