"""Exercise 06.3: a test that finds out whether padding has a part in a caption's features."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand
from clip_tutor.lessons.nb06_text_towers.exercises.reading import END, captions


def leaks(encode: Callable[[Tensor], Tensor], ids: Tensor, end_id: int) -> bool:
    """Return whether the features of any caption change when other ids stand behind its end token.

    encode gives features (B, E) of ids (B, T). Only what stands behind the first end token of each row is replaced, all
    of it, by other ids below end_id. A change of more than 1e-5 in any number counts; smaller ones are rounding.
    """
    ends = (ids == end_id).int().argmax(dim=1, keepdim=True)  # (B, 1)
    behind = torch.arange(ids.shape[1], device=ids.device) > ends  # (B, T)
    other = torch.where(behind, (ids + 1) % end_id, ids)  # (B, T)
    return bool((encode(other) - encode(ids)).abs().max() > 1e-5)


def _at_end(ids: Tensor) -> Tensor:
    return (ids == END).int().argmax(dim=1)


def _numbers(ids: Tensor) -> Tensor:
    return ids.float() / 100


def _shifted(ids: Tensor, by: int) -> Tensor:
    """Return (B, 1): the id ``by`` places behind the end token, of the last place if there are not so many."""
    places = (_at_end(ids) + by).clamp(max=ids.shape[1] - 1)
    return _numbers(ids).gather(1, places[:, None])


# By name: what it does, and whether padding has a part in it.
_ENCODERS: dict[str, tuple[Callable[[Tensor], Tensor], bool]] = {
    "reads the start token": (lambda i: _numbers(i)[:, :1], False),
    "reads the words and the end token": (lambda i: _numbers(i).cumsum(1).gather(1, _at_end(i)[:, None]), False),
    "takes the mean over all places": (lambda i: _numbers(i).mean(1, keepdim=True), True),
    "reads the last place": (lambda i: _numbers(i)[:, -1:], True),
    "looks one place ahead": (lambda i: _shifted(i, 1), True),
    "has a leak that makes features smaller": (lambda i: -_numbers(i).sum(1, keepdim=True), True),
    "leaks in one of a thousand numbers": (
        lambda i: torch.cat([_numbers(i)[:, :1].expand(-1, 999), _numbers(i)[:, -1:]], dim=1),
        True,
    ),
    "leaks in the last caption of a batch only": (
        lambda i: torch.cat([0 * _numbers(i)[:-1, -1:], _numbers(i)[-1:, -1:]]),
        True,
    ),
    "rounds a little differently each time": (lambda i: _numbers(i)[:, :1] + 1e-6 * torch.rand(len(i), 1), False),
    "reads nothing but the end token's id": (lambda i: (i == END).any(1, keepdim=True).float(), False),
    "knows where the end token stands": (lambda i: _at_end(i)[:, None].float(), False),
}


def _use_leaks(test: Any, encoder: str, padding: int) -> Any:
    """Return what a test says of one of the encoders, or the word changed if it left other ids behind."""
    ids = captions((3, 1, 5, 2), 9, 3, padding)
    before = ids.clone()
    found = test(_ENCODERS[encoder][0], ids, END)
    return found if torch.equal(ids, before) else "changed"


def _check_leaks(test: Attempt) -> str:
    for padding in (0, END):
        for encoder, (_, right) in _ENCODERS.items():
            found = test(encoder, padding)
            padded = "zeros" if padding == 0 else "end tokens"
            demand(found != "changed", "your test changed the ids that it was given", "inputs left as they are")
            kind = type(found).__name__
            demand(isinstance(found, bool), f"a {kind}", "True or False", "`bool(…)` makes one of a tensor")
            demand(
                found == right,
                f"{found} for an encoder that {encoder}, captions padded with {padded}",
                f"{right}: what stands behind the end token {'has' if right else 'has no'} part in its features",
            )
    return f"{len(_ENCODERS)} encoders that leak or do not, with two kinds of padding"


def _with(change: Callable[[Tensor, Tensor, int], Tensor]) -> Callable[..., bool]:
    """Return a wrong test, which replaces other ids: ``change`` of ids, of the ends (B, 1), and of the end's id."""

    def test(encode, ids, end_id):  # type: ignore[no-untyped-def]
        other = change(ids, (ids == end_id).int().argmax(dim=1, keepdim=True), end_id)
        return bool((encode(other) - encode(ids)).abs().max() > 1e-5)

    return test


def _comparing(moved: Callable[[Tensor], bool]) -> Callable[..., bool]:
    """Return a wrong test, which compares in another way: ``moved`` of the differences (B, E)."""

    def test(encode, ids, end_id):  # type: ignore[no-untyped-def]
        ends = (ids == end_id).int().argmax(dim=1, keepdim=True)
        other = torch.where(torch.arange(ids.shape[1]) > ends, (ids + 1) % end_id, ids)
        return bool(moved(encode(other) - encode(ids)))

    return test


def _in_place(encode, ids, end_id):  # type: ignore[no-untyped-def]
    before = encode(ids)
    behind = torch.arange(ids.shape[1]) > (ids == end_id).int().argmax(dim=1, keepdim=True)
    ids[behind] = (ids[behind] + 1) % end_id
    return bool((encode(ids) - before).abs().max() > 1e-5)


LEAKS = Exercise(
    id="06.3",
    title="Does padding leak?",
    difficulty=2,
    minutes=12,
    reference=leaks,
    use=_use_leaks,
    check=_check_leaks,
    hints=(
        "Two calls of encode, with ids that differ only behind the end tokens. How do you find out what is behind?",
        "`torch.arange(T) > ends`, with ends (B, 1), is (B, T). `torch.where(behind, other, ids)` puts other ids there "
        "and changes nothing in place.",
        "The other ids must differ from what stood there, whatever that was: `(ids + 1) % end_id` always does, and is "
        "never the end token. Then the largest absolute difference.",
    ),
    mutants=(
        Mutant(
            _with(lambda i, e, end: torch.where(torch.arange(i.shape[1]) >= e, (i + 1) % end, i)),
            "the end token was replaced, too: then of course something changes",
        ),
        Mutant(
            _with(lambda i, e, end: torch.where(torch.arange(i.shape[1]) == e + 1, (i + 1) % end, i)),
            "only the first place behind the end was changed: a tower may look at the last one",
        ),
        Mutant(
            _with(lambda i, e, end: torch.where((torch.arange(i.shape[1]) == i.shape[1] - 1), (i + 1) % end, i)),
            "only the last place was changed: a tower may look at the one right behind the end",
        ),
        Mutant(
            _with(lambda i, e, end: torch.where(torch.arange(i.shape[1]) > e, 0 * i, i)),
            "zeros put where zeros stood before change nothing, and no leak shows: the other ids must be other ones",
        ),
        Mutant(
            _with(lambda i, e, end: torch.where(torch.arange(i.shape[1]) > e, 0 * i + end, i)),
            "end tokens put where end tokens stood before change nothing: some rows are padded with them",
        ),
        Mutant(
            _in_place,
            "`ids[behind] = …` writes into the caller's captions, and `other = ids` makes no copy: clone them first, "
            "or let torch.where make new ones",
        ),
        Mutant(
            _comparing(lambda d: bool(d.max() > 1e-5)), "a feature may become smaller: take the absolute difference"
        ),
        Mutant(
            _comparing(lambda d: bool(d.abs().mean() > 1e-4)),
            "a mean over all numbers drowns a leak that shows in one of them",
        ),
        Mutant(
            _comparing(lambda d: bool(d[0].abs().max() > 1e-5)),
            "only the first caption was compared: look at all of them",
        ),
        Mutant(
            _comparing(lambda d: bool((d != 0).any())),
            "exactly equal is asked too much: sums in another order round differently, so allow 1e-5",
        ),
        Mutant(
            _comparing(lambda d: bool(d.abs().max() <= 1e-5)), "just turned around: True means that something leaks"
        ),
    ),
)
