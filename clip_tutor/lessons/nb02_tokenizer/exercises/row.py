"""Exercise 02.4: the row that a text tower reads: special tokens around the ids, cut or padded to one length."""

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe


def build_row(ids: list[int], start_id: int, end_id: int, context_length: int) -> list[int]:
    """Return a row of exactly context_length ids: start token, ids, end token, zeros.

    A caption that is too long loses its last ids. The two special tokens are never lost.
    """
    row = [start_id, *ids[: context_length - 2], end_id]
    return row + [0] * (context_length - len(row))


def _check_row(build: Attempt) -> str:
    cases: list[tuple[list[int], int]] = [
        *(([5, 6, 7], 8), ([], 6), ([5, 6, 7, 8, 9], 7), ([5, 6, 7, 8, 9, 4], 7)),
        *((list(range(1, 91)), 77), ([3], 3)),
    ]
    results = [(ids, length, build(ids, 98, 99, length)) for ids, length in cases]
    for ids, length, row in results:
        demand(
            isinstance(row, list) and all(isinstance(i, int) for i in row), f"the result is {describe(row)}", "a list"
        )
        right = build_row(ids, 98, 99, length)
        given = ids if len(ids) < 9 else f"{len(ids)} ids"
        demand(
            len(row) == length, f"a row of {len(row)} for {given}, context_length {length}", f"{length} ids: {right}"
        )
        seen = f"{row} for {given}, with the special tokens 98 and 99, context_length {length}"
        demand(row == right, seen, f"{right}")
    return f"{len(cases)} rows: short ones padded, long ones cut, an empty caption, one that fits to the place"


def _cut_last(ids, start, end, length):  # type: ignore[no-untyped-def]
    return ([start, *ids, end] + [0] * length)[:length]


ROW = Exercise(
    id="02.4",
    title="The row",
    difficulty=1,
    minutes=7,
    kept=True,
    reference=build_row,
    check=_check_row,
    hints=(
        "How many ids are left of `context_length` once the two special tokens have taken their places?",
        "Cut the ids first, then put the special tokens around, then fill up. In another order one may be cut off.",
        "`ids[: context_length - 2]` does nothing to a list that is short enough. `[0] * n` is a list of n zeros, and "
        "of none if n is 0.",
    ),
    mutants=(
        Mutant(
            _cut_last,
            "cut after the special tokens were set: a long caption loses its end token, where the text tower reads",
        ),
        Mutant(
            lambda ids, start, end, length: [*build_row(ids, start, end, length)[1:], 0],
            "there is no start token: it comes before the first id",
        ),
        Mutant(
            lambda ids, start, end, length: ([start, *ids[: length - 1]] + [0] * length)[:length],
            "there is no end token: it comes right behind the last id",
        ),
        Mutant(
            lambda ids, start, end, length: [start, *ids[: length - 2], end],
            "the row is not filled up: every row of a batch has the same length",
        ),
        Mutant(
            lambda ids, start, end, length: build_row(ids, start, end, length + 2),
            "the special tokens came on top of context_length: they take two of its places",
        ),
        Mutant(
            lambda ids, start, end, length: [
                end if i == 0 and n else i for n, i in enumerate(build_row(ids, start, end, length))
            ],
            "filled up with end tokens: CLIP fills up with zeros",
        ),
        Mutant(
            lambda ids, start, end, length: (
                [start, *ids[: length - 2]] + [0] * (length - 2 - len(ids[: length - 2])) + [end]
            ),
            "the end token stands in the last place: it belongs right behind the last id, before the zeros",
        ),
        Mutant(
            lambda ids, start, end, length: [0] * max(0, length - 2 - len(ids)) + [start, *ids[: length - 2], end],
            "the zeros stand in front: they belong behind the end token",
        ),
        Mutant(
            lambda ids, start, end, length: build_row(ids[-(length - 2) :] if ids else ids, start, end, length),
            "the first ids were dropped: a caption that is too long loses its end",
        ),
    ),
)
