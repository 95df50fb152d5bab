"""What counts as a caption, and what as a set or a stream."""

import pytest

from clip_tutor.data.pairs import Pair, PairSet, PairStream, clean_captions


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
