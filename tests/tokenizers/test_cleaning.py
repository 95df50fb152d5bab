"""Cleaning by the short way, by the long way, and as the published tokenizers clean."""

import html
import random

import ftfy
import open_clip.tokenizer
import pytest

from clip_tutor.tokenizers.cleaning import canonicalize, clean


@pytest.mark.slow
def test_the_short_way_cleans_as_the_long_way(captions):
    """Every ASCII character and pair of characters, in any surroundings, besides the captions."""
    rng = random.Random(0)
    ascii_characters = [chr(code) for code in range(128)]
    pairs = [f"{a}{b}" for a in ascii_characters for b in ascii_characters]
    mixed = ["".join(rng.choices([*ascii_characters, *pairs[32 * 128 :]], k=12)) for _ in range(5000)]
    sayings = ["\\u0041 \\x41 \\n", "%20 + =3D", "a\\'s", "<b>&</b>", "'' `` ''", "--- ...", "\x1b[31m", "a\rb", "\r\n"]
    for text in [*captions[::10], *ascii_characters, *pairs, *mixed, *sayings]:
        long_way = html.unescape(html.unescape(ftfy.fix_text(text)))
        assert clean(text) == " ".join(long_way.split()).lower(), repr(text)


@pytest.mark.slow
def test_captions_are_cleaned_and_canonicalized_as_published(captions):
    for caption in captions:
        assert clean(caption) == open_clip.tokenizer.get_clean_fn("lower")(caption), repr(caption)
        assert canonicalize(caption) == open_clip.tokenizer.canonicalize_text(caption), repr(caption)


def test_canonicalize_drops_ascii_punctuation_only():
    assert canonicalize(" Hello, WORLD_2! ") == "hello world 2"
    assert canonicalize("c'est «ça»…") == "cest «ça»…"
    assert canonicalize("?!") == ""


@pytest.mark.parametrize("function", [clean, canonicalize])
def test_what_is_not_text_is_refused(function):
    with pytest.raises(TypeError, match="a caption must be a string, and this is NoneType: None"):
        function(None)
