"""The world of notebook 15, its runs and its grid."""

import json
from pathlib import Path

import pytest
import torch

from clip_tutor.assets import asset
from clip_tutor.lessons.nb15_learning_from_noise import filtering, findings, grid, runs
from clip_tutor.lessons.nb15_learning_from_noise.losses_of_pairs import pair_losses
from clip_tutor.lessons.nb15_learning_from_noise.runs import Outcome
from clip_tutor.lessons.nb15_learning_from_noise.world import World


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def test_unseen_scenes_are_clean_and_not_of_the_training_set(world: World):
    trained = world.pool(300).pixels.flatten(1)
    unseen = world.unseen.pixels.flatten(1)
    assert not (trained[:, None] == unseen[None, :100]).all(dim=2).any()
    assert all(scene.objects[0].noun.singular in scene.caption for scene in world.unseen.scenes)
    assert len(world.labels.unique()) == 48


def test_a_pool_is_the_beginning_of_a_larger_one_and_seeds_share_none(world: World):
    small, large, other = world.pool(20), world.pool(40), world.pool(20, seed=1)
    assert torch.equal(small.pixels, large.take(torch.arange(20)).pixels)
    assert not set(small.numbers.tolist()) & set(other.numbers.tolist())


def test_each_row_comes_once_in_an_epoch():
    rows = torch.arange(7, 7 + 200)
    chosen = runs.batches(rows, seed=0)
    epochs = [torch.cat([next(chosen) for _ in range(3)]) for _ in range(2)]
    for epoch in epochs:
        assert len(epoch.unique()) == 3 * runs.PAIRS
        assert torch.isin(epoch, rows).all()
    assert not torch.equal(*epochs)


def test_a_filter_that_keeps_too_few_is_told():
    with pytest.raises(ValueError, match="10 pairs are less than a batch of 64"):
        next(runs.batches(torch.arange(10), seed=0))


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "pairs"), [("CLIP", 3200), ("ALIGN", 6400)])
def test_a_run_learns_and_is_the_same_again(world: World, shape: runs.Shape, pairs: int):
    pool = world.pool(pairs)
    captions = [scene.caption for scene in pool.scenes]
    _, outcome = runs.learn(world, pool, captions, 0, shape=shape)
    assert outcome.accuracy > 0.1  # guessing: 0.02
    few = pool.take(torch.arange(256))
    again = [runs.learn(world, few, captions[:256], 0, shape=shape)[1] for _ in range(2)]
    assert again[0] == again[1]


@pytest.mark.slow
def test_what_a_filter_drops_is_never_trained_on(world: World):
    pool = world.pool(256)
    kept = torch.arange(256) < 128
    captions = [scene.caption for scene in pool.scenes]
    spoiled = pool._replace(pixels=torch.where(kept[:, None, None, None], pool.pixels, 0))
    same = [runs.learn(world, each, captions, 0, kept)[1] for each in (pool, spoiled)]
    assert same[0] == same[1]


@pytest.mark.slow
def test_the_loss_of_a_damaged_pair_is_higher(world: World):
    pool = world.pool(3200)
    captions = [scene.caption for scene in pool.scenes]
    model, _ = runs.learn(world, pool, captions, 0)
    some = pool.take(torch.arange(320))
    wrong = captions[:160] + captions[1000:1160]
    found = pair_losses(model, world.tokenizer, some.pixels, wrong)
    assert found[160:].mean() > found[:160].mean() + 0.5


def test_the_grid_is_planned_once_and_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    planned = [run for seed in grid.SEEDS for run in grid.planned(seed)]
    assert len(planned) == len(set(planned))
    taken: list[grid.Run] = []

    def take(world, pool, run):
        if len(taken) == 5:
            raise KeyboardInterrupt
        taken.append(run)
        return Outcome(0.5, 1.0, 14.0), 1

    monkeypatch.setattr(grid, "take", take)
    monkeypatch.setattr(World, "pool", lambda self, count, seed=0: None)
    with pytest.raises(KeyboardInterrupt):
        grid.main(tmp_path)
    assert [Outcome(**one["outcome"]).accuracy for one in json.loads((tmp_path / grid.FILE).read_text())] == [0.5] * 5
    monkeypatch.setattr(grid, "SEEDS", (0,))
    monkeypatch.setattr(grid, "take", lambda world, pool, run: taken.append(run) or (Outcome(0.5, 1.0, 14.0), 1))
    grid.main(tmp_path)
    assert taken == list(grid.planned(0))


def test_the_shipped_grid_is_whole():
    shipped = grid.shipped()
    assert list(shipped) == [run for seed in grid.SEEDS for run in grid.planned(seed)]
    assert asset(f"curves/{grid.FILE}").stat().st_size < 100_000


@pytest.mark.slow
def test_a_shipped_run_can_be_repeated(world: World):
    run = grid.Run(1, 0.25, 0)
    outcome, _ = grid.take(world, world.pool(grid.ONE), run)
    assert outcome.accuracy == pytest.approx(
        grid.shipped()[run].accuracy, abs=0.08
    )  # another processor rounds otherwise


def made(accuracy) -> dict[grid.Run, Outcome]:
    """A grid whose outcomes are made up by a function of its runs."""
    return {run: Outcome(accuracy(run), 1.0, 14.0) for seed in grid.SEEDS for run in grid.planned(seed)}


def wasted(run: grid.Run, harm: float = findings.USELESS) -> float:
    return 0.1 * (1 + run.seed / 100) * torch.tensor(run.scale * (1 - harm * run.share)).log2().add(4).item()


def test_pairs_that_are_merely_wasted_are_worth_what_is_true_of_them():
    runs_made = made(wasted)
    reached = findings.accuracies(runs_made, 4, 0.5)
    pairs, told = findings.worth(runs_made, sum(reached) / 3)
    assert pairs == pytest.approx(findings.true_pairs(4, 0.5), rel=0.02)
    assert told.startswith("about")
    assert "from 9" in findings.verdict(runs_made) or "from 10" in findings.verdict(runs_made)


def test_harm_beyond_waste_is_told():
    assert "worse than wasted" in findings.verdict(made(lambda run: wasted(run, 0.95)))
    assert "better than wasted" in findings.verdict(made(lambda run: wasted(run, 0.2)))


def test_what_brings_the_accuracy_back_is_read_off_between_scales():
    assert findings.needed(made(lambda run: wasted(run, 1.0)), 0.5) == "2.0×"
    assert findings.needed(made(lambda run: 0.9 - run.share), 0.5) == "more than 4×"


def test_a_filter_is_said_to_help_only_where_all_seeds_do():
    def accuracy(run: grid.Run) -> float:
        gain = {"CLIP score": 0.2, "caption length": -0.2}.get(run.kept_by, 0.0)
        return 0.5 + gain + run.seed / 100

    told = findings.filters_told(made(accuracy))
    assert "Better than no filter in all seeds: *CLIP score*." in told
    assert "Worse in all seeds, so their mistakes cost more than they bring: *caption length*." in told
    assert "Not to be told from no filter by three seeds: *shared caption*, *common words*" in told
    assert "*CLIP score* is not behind it, with 71.0%" in told
    assert "exchanged caption" not in told, "only where wrong captions cost most"


def test_a_filter_that_brings_less_than_the_truth_is_not_praised():
    assert "not behind" not in findings.filters_told(made(lambda run: 0.6 if run.kept_by == "the truth" else 0.5))


def test_wrong_captions_that_cost_most_are_explained():
    told = findings.filters_told(made(lambda run: 0.2 if run.kind == "wrong caption" else 0.5))
    assert "*wrong caption* costs most (20.0% are left)" in told
    assert "step 2's exchanged caption" in told


def test_mixtures_beyond_the_clean_runs_are_not_in_the_verdict():
    told = findings.verdict(made(lambda run: 0.01 if run.share == 0.75 else wasted(run)))
    assert "from 9" in told or "from 10" in told, "those at 75 % are below every clean run"


def test_what_is_left_of_a_shape_is_a_part_of_its_own_beginning():
    told = findings.shapes_told(made(lambda run: (0.4 if run.shape == "ALIGN" else 0.8) * (1 - run.share / 2)))
    assert "75% of the one is left, and 75% of the other" in told
    told = findings.shapes_told(made(lambda run: 0.4 if run.shape == "ALIGN" else 0.8 - run.share))
    assert "100% of the one is left, and 37% of the other" in told or "100% of the one is left, and 38%" in told


def test_a_run_that_is_not_in_the_grid_is_refused():
    with pytest.raises(KeyError, match="no run"):
        findings.accuracies(made(wasted), 3, 0.5)


def test_filters_keep_what_the_library_keeps(world: World):
    pool = world.pool(400)
    captions = world.captions(pool, grid.damage_of(grid.Run(1, 0.5, 0), pool.numbers))
    masks = filtering.text_masks(pool, captions)
    together = torch.stack([kept for name, kept in masks.items() if name != "all four"]).all(dim=0)
    assert torch.equal(masks["all four"], together)
    length = torch.tensor([3 <= len(filtering.words_of(caption)) <= 20 for caption in captions])
    assert torch.equal(masks["caption length"], length)


@pytest.mark.slow
def test_scores_find_wrong_captions_and_no_order_is_mixed_up(world: World):
    pool = world.pool(64)
    right = [scene.caption for scene in pool.scenes]
    high, low = filtering.scores(world, pool, right), filtering.scores(world, pool, right[1:] + right[:1])
    assert (high > low).float().mean() > 0.85
