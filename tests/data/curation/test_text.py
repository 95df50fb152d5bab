"""Words and punctuation, and the quick way to pad many captions."""

import random
import sys

import pytest

from clip_tutor.data.curation.text import BETWEEN, MARKS, pad, pad_all, split_text


def test_words_are_in_lower_case_and_punctuation_stands_alone():
    assert split_text("A cat,in St.Louis!  (O'Hare)") == ["a", "cat", ",", "in", "st", ".", "louis", "!", "(o'hare)"]
    assert pad("A cat") == " a cat "
    assert pad(" \t\n") == " "


@pytest.mark.parametrize("space", [char for char in map(chr, range(sys.maxunicode + 1)) if char.isspace()])
def test_any_kind_of_space_is_one_space(space):
    assert pad(f"red{space}{space}car{space}") == " red car "
    assert pad_all([f"red{space}{space}car{space}", "ü"]) == pad_all(["red car", "ü"]) == " red car \n ü "


def test_many_captions_are_padded_as_one_is():
    letters = [*"abC ,.;:?!`\"'\n\t\r", "\0", "\u00a0", "\u2003", "Σ", "ß", "İ", "🐶", "\ud83d", "\x1c", "  "]
    draw = random.Random(0)
    for _ in range(300):
        few = draw.sample(letters, draw.randint(1, len(letters)))
        captions = ["".join(draw.choices(few, k=draw.randint(0, 12))) for _ in range(draw.randint(1, 6))]
        assert pad_all(captions) == BETWEEN.join(map(pad, captions)), captions


def test_the_separator_is_space_to_a_caption():
    assert BETWEEN.isspace()
    assert BETWEEN not in MARKS
    assert BETWEEN not in pad(f"a{BETWEEN}b")


def test_what_is_no_text_is_refused():
    with pytest.raises(TypeError, match="a caption must be a string, and this is NoneType"):
        pad_all(["a", None])
    with pytest.raises(TypeError, match="must be a list of texts"):
        pad_all("a caption")
