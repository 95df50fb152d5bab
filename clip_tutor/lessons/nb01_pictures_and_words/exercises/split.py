"""Exercise 01.2: a split into training and test set that nothing leaks through."""

import torch

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe


def split_by_group(group: torch.Tensor, share: float, seed: int) -> torch.Tensor:
    """Return (N,) truth values: does this row belong to the test set?

    group is (N,), whole numbers: rows with the same number show the same image, and stay on the same side.
    Of the G groups, round(share * G) are drawn for the test set at random: another seed, other groups.
    """
    names, place = group.unique(return_inverse=True)  # (G,) and (N,): where in `names` each row's group stands
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(seed))  # (G,)
    return (order < round(share * len(names)))[place]


_NOT_SEEDED = (
    "torch's global generator was asked: draw with torch.Generator().manual_seed(seed), made anew in each call"
)


def _check(split: Attempt) -> str:
    random = torch.Generator().manual_seed(0)
    # Numbers with gaps, one group with a hundred rows, and rows of a group side by side, as collections often come.
    cases = {
        "groups of many sizes": torch.cat([torch.full((100,), 71), torch.randint(60, (140,), generator=random) * 3]),
        "rows sorted by group": torch.arange(50).repeat_interleave(3) + 1000,
        "each row a group of its own": torch.arange(80),
    }
    found = {}
    for name, group in cases.items():
        for seed in (0, 1):
            in_test = found[name, seed] = split(group, 0.2, seed)
            _sound(in_test, group, name)
        again = split(group, 0.2, 1)
        demand(
            torch.equal(found[name, 1], again),
            f"two calls with the same seed put {(found[name, 1] != again).sum()} rows on different sides",
            "the same split: a result that nobody can repeat is worth little",
            _NOT_SEEDED,
        )
        demand(
            not torch.equal(found[name, 0], found[name, 1]),
            f"seeds 0 and 1 give the same split ({name})",
            "other groups: the seed decides",
        )
    middle = torch.stack([split(torch.arange(200), 0.5, seed) for seed in range(20)]).float().mean(dim=0)
    demand(
        bool((middle > 0.1).all() and (middle < 0.9).all()),
        "in 20 splits with 20 seeds some groups are nearly always on the same side",
        "a draw in which each group has the same chance",
        "the drawing is not even: shuffle the groups, and take the first ones of the shuffled order",
    )
    return "no group on both sides, the right number of groups, repeatable, even, with group numbers of any kind"


def _sound(in_test: object, group: torch.Tensor, name: str) -> None:
    demand(
        isinstance(in_test, torch.Tensor) and in_test.dtype == torch.bool and in_test.shape == group.shape,
        f"the result is {describe(in_test)}",
        f"{len(group)} truth values, one a row",
    )
    assert isinstance(in_test, torch.Tensor)
    names = group.unique()
    torn = [one for one in names.tolist() if len(in_test[group == one].unique()) > 1]
    demand(not torn, f"{len(torn)} of {len(names)} groups have rows on both sides ({name})", "none: that is the leak")
    tests = len(group[in_test].unique())
    demand(
        tests == round(0.2 * len(names)),
        f"{tests} of {len(names)} groups are in the test set ({name})",
        f"{round(0.2 * len(names))}: a fifth of the groups",
    )


def _by_rows(group, share, seed):  # type: ignore[no-untyped-def]
    return split_by_group(torch.arange(len(group)), share, seed)


def _some_of_each(group, share, seed):  # type: ignore[no-untyped-def]
    in_test = torch.zeros(len(group), dtype=torch.bool)
    for one in group.unique():
        rows = (group == one).nonzero().flatten()
        in_test[rows[: round(share * len(rows))]] = True
    return in_test


def _own_seed(group, share, seed):  # type: ignore[no-untyped-def]
    return split_by_group(group, share, int(torch.randint(1 << 30, ())))


def _share_of_rows(group, share, seed):  # type: ignore[no-untyped-def]
    names = group.unique()
    in_test = torch.zeros(len(group), dtype=torch.bool)
    for k in torch.randperm(len(names), generator=torch.Generator().manual_seed(seed)).tolist():
        if in_test.sum() < share * len(group):
            in_test |= group == names[k]
    return in_test


SPLIT = Exercise(
    id="01.2",
    title="A split without leaks",
    difficulty=2,
    minutes=8,
    reference=split_by_group,
    check=_check,
    hints=(
        "Do not draw rows. Draw groups, and ask for each row whether its group was drawn.",
        "`names, place = group.unique(return_inverse=True)` gives the G group numbers, and for each row where in "
        "`names` its own stands. So `drawn[place]` makes (N,) of (G,).",
        "`torch.randperm(G, generator=torch.Generator().manual_seed(seed))` is a shuffled 0 … G − 1: exactly "
        "`round(share * G)` of its numbers are below that.",
    ),
    mutants=(
        Mutant(_by_rows, "rows were drawn instead of groups: a copy of a test image stays in the training set"),
        Mutant(
            lambda g, share, seed: g <= g.unique()[round(share * len(g.unique())) - 1],
            "the groups with the lowest numbers were taken: collections are sorted by something, so draw at random",
        ),
        Mutant(lambda g, share, seed: split_by_group(g, share, 0), "the seed is not used: every split is the same one"),
        Mutant(
            lambda g, share, seed: ~split_by_group(g, share, seed),
            "train and test exchanged: True stands for the test set",
        ),
        Mutant(_some_of_each, "some rows of every group: that is the leak itself, made sure of"),
        Mutant(
            _own_seed,
            _NOT_SEEDED,
        ),
        Mutant(
            _share_of_rows,
            "a share of the rows, and large groups fill it quickly: take round(share * G) of the G groups",
        ),
    ),
)
