"""Looking emoji up."""

import pytest

from clip_tutor.data.emoji import FIRST_WORDS, LANGUAGES, find_emoji, load_emoji


def test_emoji_come_in_the_order_asked_for():
    assert [emoji.noun.singular for emoji in find_emoji(["🚗", "🐈"])] == ["automobile", "cat"]
    assert find_emoji(iter(["🚗", "🐈"])) == find_emoji(["🚗", "🐈"])


def test_a_character_that_is_not_there_is_named():
    with pytest.raises(KeyError, match="not in the emoji data set: x y"):
        find_emoji(["🐈", "x", "y"])


def test_the_first_words_are_different_things_with_names():
    first = find_emoji(FIRST_WORDS)
    assert len({emoji.noun.singular for emoji in first}) == len(first) == len(FIRST_WORDS) >= 100

    assert dict(find_emoji("🐈")[0].names)["de"] == "Katze"


def test_every_emoji_has_a_name_in_every_language():
    for emoji in load_emoji():
        assert [code for code, _ in emoji.names] == list(LANGUAGES)
        assert all(name for _, name in emoji.names)


def test_a_drawing_is_transparent_around_the_thing():
    image = load_emoji()[0].image()
    assert (image.mode, image.size) == ("RGBA", (72, 72))
    assert image.getpixel((0, 0))[3] == 0
    assert image.getpixel((36, 36))[3] == 255
