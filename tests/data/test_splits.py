"""A split by group: nothing on both sides, at random, and repeatable."""

import pytest
import torch
from sklearn.model_selection import GroupShuffleSplit

from clip_tutor.data.splits import split_by_group

GROUP = torch.tensor([5, 5, 900, 5, -3, 900, 17, 17, 17, 2, 44, 44, 31])


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("seed", range(5))
def test_no_group_lies_on_both_sides(share: float, seed: int):
    in_test = split_by_group(GROUP, share, seed)
    assert in_test.shape == GROUP.shape
    assert not torch.isin(GROUP[in_test], GROUP[~in_test]).any()
    assert len(GROUP[in_test].unique()) == round(share * len(GROUP.unique()))


def test_it_draws_as_many_groups_as_scikit_learn_does():
    (_, theirs), *_ = GroupShuffleSplit(1, test_size=3, random_state=0).split(GROUP, groups=GROUP)
    assert len(GROUP[theirs].unique()) == len(GROUP[split_by_group(GROUP, 3 / 7)].unique())


def test_the_seed_decides_and_nothing_else():
    torch.manual_seed(1)
    first = split_by_group(GROUP, 0.5, seed=3)
    torch.manual_seed(2)
    assert torch.equal(first, split_by_group(GROUP, 0.5, seed=3))
    assert len({tuple(split_by_group(GROUP, 0.5, seed).tolist()) for seed in range(30)}) > 10


def test_each_group_has_the_same_chance():
    drawn = torch.stack([split_by_group(torch.arange(10), 0.3, seed) for seed in range(1000)]).float().mean(dim=0)
    assert (drawn - 0.3).abs().max() < 0.06


@pytest.mark.parametrize(("share", "said"), [(0.0, "0"), (0.05, "0"), (1.0, "7")])
def test_an_empty_side_is_refused(share: float, said: str):
    with pytest.raises(ValueError, match=rf"of 7 groups are {said}: nothing is left"):
        split_by_group(GROUP, share)
