"""Exercise 19.4: which tokens of an interleaved text the loss counts."""

import torch
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe


def my_counted_tokens(token_ids: torch.Tensor, image_id: int, end_id: int) -> torch.Tensor:
    """Return (B, T): True for each token that is part of an answer to an image.

    token_ids is (B, T), texts of any length with marks (image_id) and end tokens (end_id) anywhere.
    An answer begins behind a mark and ends with the first end token behind it; the end token is part of the answer, the
    mark is not. A mark that comes before the answer has ended begins the next one. All else counts as nothing.
    """
    answering = torch.zeros(len(token_ids), dtype=torch.bool)  # (B,): has a mark come, and no end since?
    counts = []
    for token in token_ids.T:  # (B,), one place of all rows
        is_mark = token == image_id
        counts.append(answering & ~is_mark)
        answering = (answering | is_mark) & (token != end_id)
    return torch.stack(counts, dim=1)


MARK, END = 9, 0
_ROWS = (
    [[9, 1, 2, 0]],
    [[9, 1, 0, 2, 3, 9, 4, 0, 0], [1, 0, 2, 9, 3, 9, 4, 5, 0], [5, 4, 3, 2, 1, 9, 1, 2, 3]],
    [[1, 2, 9, 3, 0, 0, 0]],
    [[9, 0, 9, 9, 1, 0], [1, 2, 3, 0, 0, 0]],
)


def _check_counting(counted: Attempt) -> str:
    for rows in _ROWS:
        ids = torch.tensor(rows)
        found, right = counted(ids, MARK, END), my_counted_tokens(ids, MARK, END)
        demand(
            isinstance(found, Tensor) and found.shape == right.shape,
            f"the result is {describe(found)} for ids {tuple(ids.shape)}",
            f"a tensor {tuple(right.shape)}",
        )
        demand(found.dtype == torch.bool, f"numbers of type {found.dtype}", "a mask of True and False, torch.bool")
        for b, row in enumerate(rows):
            demand(torch.equal(found[b], right[b]), _told(row, found[b]), _told(row, right[b]))
    return "text ahead of the first image, between two answers and behind the last, answers without an end, padding"


def _told(row: list[int], counts: Tensor) -> str:
    """Return a row in words, with brackets around what counts."""
    names = ["<image>" if token == MARK else "end" if token == END else f"w{token}" for token in row]
    return " ".join(f"[{name}]" if one else name for name, one in zip(names, counts.tolist(), strict=True))


def _with(start=False, mark=False, end=True, reopen=True, close=True, first=False):  # type: ignore[no-untyped-def]
    """Return an answer that goes through the tokens with another rule for one of them."""

    def answer(ids, image_id, end_id):  # type: ignore[no-untyped-def]
        counts = []
        for row in ids.tolist():
            answering, ended, kept = start, False, []
            for token in row:
                kept.append(answering and (end or token != end_id))
                if token == image_id:
                    kept[-1] = mark
                    answering = not (first and ended) and (reopen or not answering)
                elif token == end_id and close:
                    answering, ended = False, ended or answering
            counts.append(kept)
        return torch.tensor(counts)

    return answer


def _every_end(ids, image_id, end_id):  # type: ignore[no-untyped-def]
    seen = (ids == image_id).cumsum(1).bool()
    return my_counted_tokens(ids, image_id, end_id) | (seen & (ids == end_id))


def _after_the_last(ids, image_id, end_id):  # type: ignore[no-untyped-def]
    marks = (ids == image_id).cumsum(1)
    return my_counted_tokens(ids, image_id, end_id) & (marks == marks[:, -1:])


def _a_place_early(ids, image_id, end_id):  # type: ignore[no-untyped-def]
    counts = my_counted_tokens(ids, image_id, end_id)
    return torch.cat([counts[:, 1:], torch.zeros_like(counts[:, :1])], dim=1)


COUNTING = Exercise(
    id="19.4",
    title="What counts",
    difficulty=2,
    minutes=12,
    reference=my_counted_tokens,
    check=_check_counting,
    hints=(
        "Read a row from left to right, and keep a single fact in mind: is an answer being given right now?",
        "A mark begins an answer, an end token ends it. Ask whether a token counts before you let it change that fact: "
        "so the end itself still counts, and a mark does not.",
        "All rows at once: `for token in token_ids.T` gives one place of each row, (B,), and the fact is a tensor (B,) "
        "of True and False. `torch.stack(…, dim=1)` at the end.",
    ),
    mutants=(
        Mutant(
            _with(start=True),
            "text ahead of the first image counts: no image explains it, and the frozen language model knows it as "
            "well as it can",
        ),
        Mutant(
            _with(mark=True),
            "the marks count: whoever asks puts them there, the model never has to write one",
        ),
        Mutant(_with(end=False), "the end token does not count: nothing would teach the model to stop"),
        Mutant(
            _with(close=False),
            "everything behind the first mark counts, padding and text between the answers, too: an answer is over "
            "with its end token",
        ),
        Mutant(
            _every_end,
            "every end token behind a mark counts: only the first one ends an answer, the rest is padding",
        ),
        Mutant(_after_the_last, "only the last answer counts: each answer of a row is learned from"),
        Mutant(_with(first=True), "only the first answer counts: a mark begins another one"),
        Mutant(_with(reopen=False), "a mark inside of an answer ended it: the mark begins the next answer at once"),
        Mutant(
            _a_place_early,
            "a place too early: this is about the tokens themselves; that the logits of a place speak of the next "
            "token is the business of the loss",
        ),
    ),
)
