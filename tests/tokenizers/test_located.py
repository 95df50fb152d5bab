"""Rows of words, places and tasks: what they hold, what of them is given, and what is no box."""

import pytest

from clip_tutor.tokenizers.located import TASKS, LocatedTokenizer

BOX = (0.25, 0.5, 0.8, 1.0)


@pytest.fixture(scope="module")
def located(tokenizer):
    return LocatedTokenizer(tokenizer, bins=16)


def test_what_is_given_and_what_is_asked_for(located):
    words, end = located.words.encode("a cat"), located.words.end_id
    place = [located.words.vocab_size + step for step in (4, 8, 12, 15)]
    task = located.task_ids
    assert located.caption("a cat") == ([task["caption"], *words, end], 1)
    assert located.referring("a cat", BOX) == ([task["referring"], *words, *place, end], 1 + len(words))
    assert located.grounded("a cat", BOX) == ([task["grounded"], *place, *words, end], 5)


def test_no_two_meanings_share_an_id(located):
    first, bins = located.words.vocab_size, located.bins
    places = {*located.coordinates((0, 0, 1e-9, 1e-9)), *located.coordinates((0.5, 0.5, 1, 1))}
    assert min(places) == first and max(places) == first + bins - 1
    special = [*(located.task_ids[task] for task in TASKS), located.mask_id]
    assert special == list(range(first + bins, located.vocab_size))


def test_a_box_comes_back_to_half_a_step(located):
    for place in (0.0, 0.03, 0.31, 0.74):
        box = (place, place, place + 0.25, place + 0.2)
        again = located.box(located.coordinates(box))
        assert max(abs(a - b) for a, b in zip(box, again, strict=True)) <= 0.5 / 16 + 1e-9


def test_a_caption_that_is_too_long_is_cut(located):
    long = " ".join(["cat"] * 100)
    rows = [located.caption(long), located.referring(long, BOX), located.grounded(long, BOX)]
    assert max(len(row.ids) for row in rows) == located.context_length
    assert all(row.ids[-1] == located.end_id for row in rows)


@pytest.mark.parametrize("box", [(0.5, 0, 0.4, 1), (0, 0.5, 1, 0.5), (-0.1, 0, 1, 1), (0, 0, 30, 22)])
def test_what_is_no_box_is_refused(located, box):
    with pytest.raises(ValueError, match=r"is no box: give left, top, right and bottom as shares"):
        located.referring("a cat", box)


def test_what_says_no_box_is_refused(located):
    with pytest.raises(ValueError, match="are not the four coordinates of a box"):
        located.box(located.words.encode("a cat on red")[:4])
    with pytest.raises(ValueError, match="1 bins cannot tell places apart"):
        LocatedTokenizer(located.words, 1)
