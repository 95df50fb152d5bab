"""The runs of notebook 16: what is trained on what, and what ships."""

import json

import numpy as np
import pytest

from clip_tutor.assets import asset
from clip_tutor.lessons.nb16_web_image_text import long_tail
from clip_tutor.lessons.nb16_web_image_text.corpus import THINGS, encyclopaedia
from clip_tutor.lessons.nb16_web_image_text.curate_exercise import curate, curate_with_the_library
from clip_tutor.lessons.nb16_web_image_text.long_tail import SEEDS, THRESHOLDS, Run, Task

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def task() -> Task:
    return Task(0)


def test_a_smaller_t_keeps_fewer_pairs_and_a_larger_share_of_the_tail(task: Task):
    kept = [task.balanced(t) for t in sorted(THRESHOLDS, reverse=True)]
    sizes = [len(rows) for rows in kept]
    tails = [(task.pool.ranks[rows] >= 18).mean() for rows in kept]
    assert sizes == sorted(sizes, reverse=True)
    assert tails == sorted(tails)
    assert tails[0] > (task.pool.ranks >= 18).mean()


def test_the_exercises_keep_the_pairs_that_the_runs_were_trained_on(task: Task):
    named = {f"pair {n}": caption for n, caption in enumerate(task.pool.captions)}
    for kept in (curate(named, encyclopaedia(), 30), curate_with_the_library(named, encyclopaedia(), 30)):
        assert [int(name.removeprefix("pair ")) for name in kept] == task.balanced(30).tolist()


def test_a_run_is_the_same_each_time_and_learns(task: Task):
    first, again = (task.learn(np.arange(256), steps=3) for _ in range(2))
    for name, weight in first.state_dict().items():
        assert weight.equal(again.state_dict()[name]), name
    right = task.named_right(first)
    assert right.shape == (THINGS,)
    assert 0 <= right.min() <= right.max() <= 1


def test_what_ships_is_whole():
    runs = long_tail.shipped()
    written = json.loads(asset("curves/long_tail.json").read_text())
    assert (written["steps"], written["batch"]) == (long_tail.STEPS, long_tail.BATCH)
    wanted = {("all", 0)} | {(way, t) for way in ("balanced", "random") for t in THRESHOLDS}
    assert {(run.way, run.t, run.seed) for run in runs} == {(*one, seed) for one in wanted for seed in SEEDS}
    assert all(len(run.right) == THINGS for run in runs)
    sizes = {(run.way, run.t, run.seed): run.pairs for run in runs}
    assert all(sizes["balanced", t, seed] == sizes["random", t, seed] for t in THRESHOLDS for seed in SEEDS)


def test_a_run_that_was_stopped_goes_on(tmp_path, monkeypatch: pytest.MonkeyPatch):
    class Short:
        def __init__(self, seed: int) -> None:
            self.seed = seed

        def balanced(self, t: int) -> np.ndarray:
            return np.arange(t)

        random = balanced

        def run(self, way: str, t: int, rows: np.ndarray) -> Run:
            trained.append((way, t, self.seed))
            if len(trained) == 5:
                raise KeyboardInterrupt
            return Run(way, t, self.seed, len(rows), (0.5,) * THINGS)

    monkeypatch.setattr(long_tail, "Task", Short)
    trained: list[tuple[str, int, int]] = []
    file = tmp_path / "runs.json"
    with pytest.raises(KeyboardInterrupt):
        long_tail.main(file)
    assert len(json.loads(file.read_text())["runs"]) == 4
    long_tail.main(file)
    every = len(SEEDS) * (1 + 2 * len(THRESHOLDS))
    assert len(trained) == every + 1, "only the one that was stopped runs twice"
    assert len(json.loads(file.read_text())["runs"]) == every


def test_the_runs_show_what_the_text_says_of_them():
    runs = {(run.way, run.t, run.seed): np.array(run.groups) for run in long_tail.shipped()}
    change = {
        t: np.stack([runs["balanced", t, seed] - runs["all", 0, seed] for seed in SEEDS])  # (seeds, 3)
        for t in THRESHOLDS
    }
    for t in (100, 30):
        assert (change[t][:, 2] > 0).all(), "the tail gains in every seed"
        assert change[t][:, 0].min() < 0 < change[t][:, 0].max(), "the head moves both ways"
    assert (change[10][:, :2] < 0).all(), "head and middle fall in every seed"
    assert change[10][:, 2].min() < 0 < change[10][:, 2].max(), "the tail has no gain to rely on"
    everything = np.stack([runs["all", 0, seed] for seed in SEEDS])
    assert (np.ptp(everything, axis=0) > np.abs([change[t].mean(axis=0) for t in (100, 30)]).max()).all()
