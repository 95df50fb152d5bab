"""Exercise 01.5: from pairs of copies to groups of them."""

import torch

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe


def groups_of(pairs: list[tuple[int, int]], rows: int) -> torch.Tensor:
    """Return (rows,): for each row the number of the first row of its group.

    pairs are rows that look alike, in any order. Two rows are in one group if a chain of pairs leads from one to the
    other. A row without any pair is a group of its own.
    """
    leader = list(range(rows))  # of each row: a row of its group with a lower number, or itself

    def find(row: int) -> int:
        while leader[row] != row:
            leader[row] = leader[leader[row]]  # half the way for whoever comes next
            row = leader[row]
        return row

    for one, other in pairs:
        first, second = sorted((find(one), find(other)))
        leader[second] = first
    return torch.tensor([find(row) for row in range(rows)])


def _check(groups: Attempt) -> str:
    found = groups([(1, 3), (4, 3)], 6)
    demand(
        isinstance(found, torch.Tensor) and found.shape == (6,) and not found.is_floating_point(),
        f"the result is {describe(found)}",
        "a tensor (6,) of whole numbers",
    )
    joined = groups([(4, 5), (2, 3), (3, 4), (0, 1)], 6)
    fork = groups([(0, 3), (1, 3)], 4)
    _compare(found, [0, 1, 2, 1, 1, 5], "pairs (1, 3), (4, 3) of 6 rows")
    _compare(joined, [0, 0, 2, 2, 2, 2], "pairs (4, 5), (2, 3), (3, 4), (0, 1) of 6 rows")
    _compare(fork, [0, 0, 2, 0], "pairs (0, 3), (1, 3) of 4 rows")
    _compare(groups([], 3), [0, 1, 2], "no pair at all")
    random = torch.Generator().manual_seed(0)
    for rows, count in ((40, 25), (300, 200)):
        pairs = [(a, b) for a, b in torch.randint(rows, (count, 2), generator=random).tolist() if a != b]
        _compare(groups(pairs, rows), groups_of(pairs, rows).tolist(), f"{len(pairs)} random pairs of {rows} rows")
    chain = [(n, n + 1) for n in reversed(range(4000))]
    _compare(groups(chain, 4001), [0] * 4001, "a chain of 4,001 rows, from its end to its beginning")
    return "chains, groups that are joined late, random pairs, and a chain of 4,001 rows"


def _compare(found: torch.Tensor, right: list[int], where: str) -> None:
    shown = found.tolist() if len(right) <= 6 else f"{len(found.unique())} groups"
    expected = right if len(right) <= 6 else f"{len(set(right))} groups, numbered by their first rows"
    demand(found.tolist() == right, f"{shown} for {where}", f"{expected}")


def _direct_only(pairs, rows):  # type: ignore[no-untyped-def]
    first = list(range(rows))
    for one, other in pairs:
        low = min(one, other)
        first[one], first[other] = min(first[one], low), min(first[other], low)
    return torch.tensor(first)


def _overwritten(pairs, rows):  # type: ignore[no-untyped-def]
    first = list(range(rows))
    for one, other in pairs:
        first[max(one, other)] = min(one, other)
    return torch.tensor(first)


def _one_pass(pairs, rows):  # type: ignore[no-untyped-def]
    first = list(range(rows))
    for one, other in pairs:
        first[one] = first[other] = min(first[one], first[other])
    return torch.tensor(first)


def _joined_by_last(pairs, rows):  # type: ignore[no-untyped-def]
    first = groups_of(pairs, rows)
    return torch.tensor([int((first == first[row]).nonzero().max()) for row in range(rows)])


def _numbered_anew(pairs, rows):  # type: ignore[no-untyped-def]
    return groups_of(pairs, rows).unique(return_inverse=True)[1]


GROUPS = Exercise(
    id="01.5",
    title="Groups of copies",
    difficulty=3,
    minutes=20,
    reference=groups_of,
    check=_check,
    kind="further",
    hints=(
        "A pair does not join two rows, it joins their two groups. What if each group had one row that speaks for it?",
        "Keep for each row another row of its group with a lower number. Follow these until a row points to itself: "
        "that one speaks for the group. A pair makes one speaker point to the other.",
        "A loop `while leader[row] != row: row = leader[row]` finds the speaker. Let rows point further up on the way, "
        "or long chains take for ever.",
    ),
    mutants=(
        Mutant(
            _direct_only,
            "each row knows its own pairs only: if 0 looks like 1 and 1 like 2, all three belong together",
        ),
        Mutant(_overwritten, "a later pair overwrote what an earlier one had joined: join groups, not rows"),
        Mutant(
            _one_pass,
            "one pass over the pairs joins two rows, but not what hangs on them already: join the groups' speakers",
        ),
        Mutant(_joined_by_last, "a group is called by its last row: its first was asked for"),
        Mutant(_numbered_anew, "the groups are right, but numbered 0, 1, 2 …: each is called by its first row"),
    ),
)
