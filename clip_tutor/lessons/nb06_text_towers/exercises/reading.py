"""Exercise 06.2: read each caption at its end token, whatever the vocabulary has become."""

from typing import Any

import torch
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe

START, END, NEW = 98, 99, 103  # NEW was added to the vocabulary later, so its id is larger than the end token's


def read_at_end(x: Tensor, ids: Tensor, end_id: int) -> Tensor:
    """Return (B, D): for each caption, of its token states x (B, T, D), the one at its first end token.

    ids is (B, T). Other ids may be larger than end_id, and padding may be any id, end_id too.
    Raises ValueError if a caption has no end token.
    """
    is_end = ids == end_id  # (B, T)
    if not is_end.any(dim=1).all():
        raise ValueError(f"a caption has no end token {end_id}: was it cut by hand?")
    return x[torch.arange(len(ids)), is_end.int().argmax(dim=1)]


def captions(lengths: tuple[int, ...], T: int, seed: int, padding: int = 0, new: bool = False) -> Tensor:
    """Return ids (B, T): a start token, words, an end token, and padding. First words are "!", whose id is 0, too.

    In CLIP's vocabulary it is just so: whoever counts ids that are not 0 miscounts captions that hold an exclamation.
    """
    random = torch.Generator().manual_seed(seed)
    ids = torch.randint(1, START, (len(lengths), T), generator=random)
    ids[:, 0] = START
    for row, length in zip(ids, lengths, strict=True):
        row[1 : 3 if length > 2 else 2] = 0
        if new and length > 1:
            row[2] = NEW
        row[length + 1] = END
        row[length + 2 :] = padding
    return ids


def _use_read(read: Any, x: Tensor, ids: Tensor, end_id: int) -> Any:
    """Return what an answer gives, or the word ValueError."""
    try:
        return read(x, ids, end_id)
    except ValueError:
        return "ValueError"


_CASES = (  # lengths, T, padding, whether a new token is in it, what the case is about
    ((3, 1, 5, 2), 8, 0, False, "padded with zeros"),
    ((4, 2, 3), 8, END, False, "padded with end tokens, as Hugging Face's tokenizer does it"),
    ((3, 5, 2), 9, 0, True, "with a token that was added to the vocabulary, of a larger id than the end token"),
    ((6,), 8, 0, False, "without any padding"),
)


def _check_read(read: Attempt) -> str:
    for seed, (lengths, T, padding, new, about) in enumerate(_CASES):
        ids = captions(lengths, T, seed, padding, new)
        x = torch.randn(len(ids), T, 5, generator=torch.Generator().manual_seed(seed))
        found, right = read(x, ids, END), read_at_end(x, ids, END)
        demand(
            isinstance(found, Tensor) and found.shape == right.shape,
            f"the result is {describe(found)}, for captions {about}",
            f"a tensor {tuple(right.shape)}: one token state a caption",
        )
        for n, one in enumerate(found):
            at = [place for place in range(T) if torch.equal(x[n, place], one)]
            demand(
                torch.equal(one, right[n]),
                f"captions {about}: caption {n} is read at place {at[0]}" if at else f"caption {n} gets another vector",
                f"the state at place {lengths[n] + 1}, where its first end token stands",
            )
    cut = captions((3, 2), 8, 7)
    cut[1] = cut[1].masked_fill(cut[1] == END, 5)
    found = read(torch.randn(2, 8, 5), cut, END)
    demand(
        isinstance(found, str) and found == "ValueError",
        "a caption without an end token is read somewhere all the same",
        "a ValueError: a vector that stands for something else is worse than an error",
        "the argmax of a row in which nothing is True is 0: that is the start token, which has seen nothing",
    )
    return "padding with zeros and with end tokens, a grown vocabulary, and a caption that lost its end"


def _guarded(read: Any) -> Any:
    """Return a wrong answer that at least refuses captions without an end token."""

    def answer(x, ids, end_id):  # type: ignore[no-untyped-def]
        if not (ids == end_id).any(dim=1).all():
            raise ValueError
        return read(x, ids, end_id)

    return answer


def _places(x: Tensor, places: Tensor) -> Tensor:
    return x[torch.arange(len(x)), places]


READ = Exercise(
    id="06.2",
    title="Read at the end token",
    difficulty=2,
    minutes=12,
    kept=True,
    reference=read_at_end,
    use=_use_read,
    check=_check_read,
    hints=(
        "`ids == end_id` is a table of True and False. In which column is the first True of each row?",
        "`argmax` of numbers 0 and 1 gives the place of the first 1. It does not take booleans: `.int()` before it.",
        "Two lists of indices side by side pick one item each: `x[torch.arange(B), places]` is (B, D). And a row in "
        "which nothing is True has an argmax as well: look with `any(dim=1)` first.",
    ),
    mutants=(
        Mutant(_guarded(lambda x, i, e: x[:, -1]), "the last place of the row: in most captions that is padding"),
        Mutant(_guarded(lambda x, i, e: x[:, 0]), "the start token: in a causal tower it has seen nothing but itself"),
        Mutant(
            _guarded(lambda x, i, e: _places(x, i.argmax(dim=1))),
            "the largest id: that is the end token's only as long as nobody adds a token to the vocabulary",
        ),
        Mutant(
            _guarded(lambda x, i, e: _places(x, i.shape[1] - 1 - (i == e).int().flip(1).argmax(dim=1))),
            "the LAST end token of the row: where rows are padded with end tokens, the sentence ends at the first",
        ),
        Mutant(
            _guarded(lambda x, i, e: _places(x, (i == e).int().argmax(dim=1) - 1)),
            "one place too early: the last word is not the end token",
        ),
        Mutant(
            _guarded(lambda x, i, e: x[:, int((i[0] == e).int().argmax())]),
            "every caption is read where the FIRST one ends: find a place for each",
        ),
        Mutant(
            _guarded(lambda x, i, e: x[:, (i == e).int().argmax(dim=1)]),
            "that takes all B places from every caption, (B, B, D): pair them up with torch.arange(B)",
        ),
        Mutant(
            _guarded(lambda x, i, e: _places(x, (i != 0).sum(dim=1) - 1)),
            'counted the ids that are not 0: but 0 is also the id of "!", and padding need not be 0',
        ),
        Mutant(
            lambda x, i, e: _places(x, (i == e).int().argmax(dim=1)),
            "nothing looks whether there is an end token at all: without one, argmax says 0, the start token",
        ),
    ),
)
