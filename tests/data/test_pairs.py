"""What counts as a caption, and what as a set or a stream."""

import pytest

from clip_tutor.data.pairs import Pair, PairSet, PairStream, clean_captions
from clip_tutor.tokenizers import UnigramTokenizer


def test_a_caption_is_a_list_of_one_and_empty_ones_are_left_out():
    assert clean_captions(" a dog\n") == ("a dog",)
    assert clean_captions(["a dog", "", "  ", None, "a cat "]) == ("a dog", "a cat")
    assert clean_captions(None) == ()


@pytest.mark.parametrize(("captions", "kind"), [(3, "int"), ({"a": "dog"}, "dict"), ([1.5], "float")])
def test_what_is_no_caption_is_refused_by_its_kind(captions, kind):
    with pytest.raises(TypeError, match=f"not {kind}: "):
        clean_captions(captions)


def test_a_list_of_pairs_is_a_set_and_no_stream():
    pairs = [Pair("one", b"", ("a dog",))]
    assert isinstance(pairs, PairSet)
    assert not isinstance(pairs, PairStream)


@pytest.mark.parametrize("blank", ["&nbsp;", "\u200b", "\x00\x07", "...", "\ufeff\xa0", "\ud83d", float("nan")])
def test_what_cleaning_turns_into_nothing_is_no_caption(blank):
    assert clean_captions(blank) == ()
    assert clean_captions(["a dog", blank]) == ("a dog",)


def test_captions_of_other_types_and_half_characters_become_text():
    assert clean_captions([{"raw": "a dog", "id": 3}, b"un caf\xc3\xa9", "half \ud83d"]) == (
        "a dog",
        "un café",
        "half \ufffd",
    )
    with pytest.raises(ValueError, match="bytes that are not UTF-8: b'caf"):
        clean_captions(b"caf\xe9")


def test_nothing_is_trained_on_that_cannot_be_measured():
    """Whatever training takes as a caption has ids: measuring refuses captions without any."""
    words = UnigramTokenizer.train(["a dog", "two dogs"] * 9, 40, context_length=8)
    blank = ["&nbsp;", "?!", "\u200b", "▁"]
    for caption in clean_captions([*blank, "a dog"]):
        assert words.encode(caption)
