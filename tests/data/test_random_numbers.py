"""Random numbers that are looked up: the published hash, uniform, and independent of what else is asked for."""

import numpy as np
import pytest

from clip_tutor.data import random_numbers

GOLDEN = 0x9E3779B97F4A7C15


def test_the_hash_is_splitmix64():
    states = np.array([(1_234_567 + k * GOLDEN) % 2**64 for k in range(1, 4)], np.uint64)
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423]  # the sequence of seed 1234567
    assert random_numbers._mix(states).tolist() == published


def test_a_row_depends_on_seed_and_index_alone():
    together = random_numbers.counter_rng(5, np.array([3, 10**12, 0, 7]), 6)
    assert together.shape == (4, 6)
    for row, index in zip(together, (3, 10**12, 0, 7), strict=True):
        assert (random_numbers.counter_rng(5, np.array([index]), 6)[0] == row).all()
        assert (random_numbers.counter_rng(5, np.array([index]), 3)[0] == row[:3]).all(), "nor on how many"
        assert (random_numbers.counter_rng(6, np.array([index]), 6)[0] != row).all()


def test_throws_are_uniform_and_tell_nothing_about_each_other():
    u = random_numbers.counter_rng(0, np.arange(20_000), 8)
    assert ((u >= 0) & (u < 1)).all()
    shares = np.stack([np.bincount((column * 10).astype(int), minlength=10) for column in u.T]) / len(u)
    assert np.abs(shares - 0.1).max() < 0.01  # 4.7 standard deviations
    between_throws = np.corrcoef(u.T) - np.eye(8)
    between_neighbors = [np.corrcoef(u[:-1, j], u[1:, j])[0, 1] for j in range(8)]
    between_seeds = np.corrcoef(u[:, 0], random_numbers.counter_rng(1, np.arange(20_000), 1)[:, 0])[0, 1]
    assert max(np.abs(between_throws).max(), np.abs(between_neighbors).max(), abs(between_seeds)) < 0.035


@pytest.mark.parametrize("seed", [-1, 0, 2**63, 2**70])
def test_any_whole_number_is_a_seed(seed):
    assert 0 <= random_numbers.counter_rng(seed, np.arange(5), 2).min() < 1


def test_pick_gives_each_true_column_the_same_chance():
    allowed = np.tile([False, True, True, False, True], (30_000, 1))
    chosen = random_numbers.pick(allowed, random_numbers.counter_rng(0, np.arange(30_000), 1)[:, 0])
    shares = np.bincount(chosen, minlength=5) / 30_000
    assert shares[[0, 3]].sum() == 0
    assert shares[[1, 2, 4]] == pytest.approx(1 / 3, abs=0.015)


def test_pick_reaches_both_ends():
    allowed = np.array([[False, True, False, True, False]] * 2)
    assert random_numbers.pick(allowed, np.array([0.0, np.nextafter(1, 0)])).tolist() == [1, 3]
