"""Captions: good English, every part of the truth in them, and many ways to say it."""

import itertools
import re
from collections import Counter

import numpy as np
import pytest

from clip_tutor.data.captions import (
    FAMILY_SHARE,
    NUMBERS,
    OPPOSITE,
    RELATION_WORDS,
    SETTINGS,
    SIZE_WORDS,
    SYNONYM_SHARE,
    TAG_SHARE,
    Wordbook,
    article,
    choose,
    describe,
    search_words,
    several,
    singular,
)
from clip_tutor.data.emoji import Noun, find_emoji, load_emoji
from clip_tutor.data.scenes import Scene, Scenes

UMBRELLA, GRAPES = Noun("an", "umbrella", "umbrellas"), Noun("", "grapes", "grapes")
UNICORN, MOUSE = Noun("a", "unicorn", "unicorns"), Noun("a", "mouse", "mice")
MIDDLE = (0.5,) * 6


@pytest.fixture(scope="module")
def everything() -> Scenes:
    """Training scenes with the whole vocabulary."""
    return Scenes(load_emoji(), size=32)


@pytest.mark.parametrize(
    ("noun", "adjective", "words"),
    [
        (UMBRELLA, "", "an umbrella"),
        (UMBRELLA, "tiny", "a tiny umbrella"),
        (UNICORN, "", "a unicorn"),
        (GRAPES, "", "grapes"),
        (GRAPES, "huge", "huge grapes"),
    ],
)
def test_one_thing(noun, adjective, words):
    assert singular(noun, adjective) == words


def test_several_things():
    assert several(MOUSE, 3) == "three mice"
    assert several(UMBRELLA, 4) == "four umbrellas"
    assert several(GRAPES, 2) == "two drawings of grapes", "grapes cannot be counted"


def test_articles():
    assert [article(color) for color in ("orange", "red", "yellow")] == ["an", "a", "a"]


def test_choose_reaches_each_option_and_no_further():
    assert [choose("abc", uniform) for uniform in (0.0, 0.34, 0.67, np.nextafter(1, 0))] == ["a", "b", "c", "c"]


def test_every_caption_has_its_articles_right(everything):
    captions = [scene.caption for scene in everything.scenes(range(20_000))]
    text = "\n".join(captions)
    assert not re.search(r"\ba orange\b|\ba umbrella\b|\ba apple\b|\ba octopus\b|\ban? (two|three|four) ", text)
    assert not re.search(rf"\ban ({'|'.join(itertools.chain(*SIZE_WORDS.values()))}|red|blue|unicorn|yellow)\b", text)
    assert all(words in text for words in ("an orange background", "an umbrella", "a unicorn", "drawings of"))
    assert not re.search(r"  | ,|\{|\}|^\s|\s$", text, re.MULTILINE)


def test_one_truth_is_told_in_many_ways():
    cat, dog = find_emoji("🐈🐕")
    rolls = np.random.default_rng(0).random((2000, 6)).tolist()
    words = Wordbook([cat, dog])
    told = {describe([cat, dog], 2, None, "left of", "orange", roll, words) for roll in rolls}
    assert len(told) > 100
    for beginning in ("a cat to the left of a dog", "a dog right of a cat", "a picture of a kitten", "an orange"):
        assert any(caption.startswith(beginning) for caption in told), beginning
    assert {"a cat to the left of a dog", "a dog right of a cat"} <= told, "a background may go unmentioned"
    sizes = {describe([cat], 1, "huge", None, "red", roll) for roll in rolls}
    assert {f"a {size} cat on a red background" for size in SIZE_WORDS["huge"]} <= sizes
    assert len(sizes) == 3 * len(set(SETTINGS))


def test_without_a_wordbook_nothing_is_left_out():
    cat, dog = find_emoji("🐈🐕")
    for roll in np.random.default_rng(0).random((500, 6)).tolist():
        pair = describe([cat, dog], 2, None, "above", "blue", roll)
        assert all(word in pair.split() for word in ("cat", "dog", "blue")), pair
        assert re.search("cat (above|over) a dog|dog (below|under) a cat", pair), pair
        assert "three cats" in describe([cat], 3, None, None, "blue", roll)


def phrases(scene: Scene) -> set[str]:
    """Every way to say where the two things lie."""
    a, b = (singular(emoji.noun) for emoji in scene.objects)
    told = {f"{a} {words} {b}" for words in RELATION_WORDS[scene.relation]}
    return told | {f"{b} {words} {a}" for words in RELATION_WORDS[OPPOSITE[scene.relation]]}


def test_test_captions_tell_the_whole_truth(objects):
    for scene in Scenes(objects, "test").scenes(range(3000)):
        assert re.search(rf"\b{scene.background}\b", scene.caption)
        if scene.kind == "pair":
            assert any(words in scene.caption for words in phrases(scene)), scene
        elif scene.kind == "several":
            assert several(scene.objects[0].noun, scene.count) in scene.caption
            assert NUMBERS[scene.count] in scene.caption
        else:
            sizes = SIZE_WORDS.get(scene.size, ("",))
            assert any(singular(scene.objects[0].noun, size) in scene.caption for size in sizes), scene


def test_training_captions_never_lie(scenes):
    """Each names the thing by one of its nouns, and no size, number or color but the true one."""
    sizes = {word: size for size, words in SIZE_WORDS.items() for word in words}
    for scene in scenes.scenes(range(3000)):
        thing = scene.objects[0]
        nouns = [noun for emoji in scene.objects for noun in (emoji.noun, *emoji.synonyms)]
        assert any(n.singular in scene.caption or n.plural in scene.caption for n in nouns), (thing, scene)
        without_names = scene.caption.split(", tagged")[0]
        for noun in nouns:
            without_names = without_names.replace(noun.plural, "").replace(noun.singular, "")
        words = without_names.split()
        assert {sizes[word] for word in words if word in sizes} <= {scene.size}, scene
        assert {NUMBERS.index(word) for word in words if word in NUMBERS} <= {scene.count}, scene
        for relation, told in RELATION_WORDS.items():
            if any(f" {phrase} a" in without_names for phrase in told):
                assert scene.relation in (relation, OPPOSITE[relation]), scene


@pytest.mark.parametrize(("character", "word"), [("🐶", "puppy"), ("🚗", "car"), ("🐈", "kitten"), ("🚲", "bike")])
def test_synonyms_occur(character, word):
    words = Wordbook(load_emoji())
    (emoji,) = find_emoji([character])
    nouns = [words.noun(emoji, uniform).singular for uniform in np.linspace(0, 1, 500, endpoint=False)]
    assert nouns.count(word) > 5
    assert nouns.count(emoji.noun.singular) == pytest.approx(500 * (1 - SYNONYM_SHARE), abs=2), (
        "the short name most of the time"
    )
    assert set(nouns) <= {emoji.noun.singular, *(noun.singular for noun in emoji.synonyms)}


def test_a_synonym_that_fits_few_is_used_more_than_one_that_fits_many():
    words = Wordbook(load_emoji())
    (cat,) = find_emoji("🐈")
    nouns = [words.noun(cat, uniform).singular for uniform in np.linspace(0, 1, 10_000, endpoint=False)]
    assert nouns.count("kitten") > 5 * nouns.count("animal") > 0


def test_keywords_are_tags_now_and_then(everything):
    tagged = [scene for scene in everything.scenes(range(5000)) if ", tagged " in scene.caption]
    assert len(tagged) / 5000 == pytest.approx(TAG_SHARE, rel=0.4)
    assert all(scene.caption.split(", tagged ")[1] in scene.objects[0].tags for scene in tagged)


@pytest.fixture(scope="module")
def searches(everything):
    """Scenes, and words with which a person might look for each."""
    rolls = np.random.default_rng(0).random((5000, 6)).tolist()
    words = Wordbook(everything.objects)
    scenes = everything.scenes(range(5000))
    return [
        (s, search_words(s.objects, s.count, s.size, s.background, roll, words))
        for s, roll in zip(scenes, rolls, strict=True)
    ]


@pytest.mark.slow
def test_a_search_names_one_thing_and_at_most_one_fact(searches):
    sizes = {word: size for size, words in SIZE_WORDS.items() for word in words}
    asked = Counter()
    for scene, words in searches:
        nouns = [noun for emoji in scene.objects for noun in (emoji.noun, *emoji.synonyms)]
        names = {name for noun in nouns for name in (noun.singular, noun.plural)}
        name = max((name for name in names if re.search(rf"(^| ){re.escape(name)}($| )", words)), key=len)
        rest = words.replace(name, "", 1).split()
        told = {sizes[word] for word in rest if word in sizes} | {w for w in rest if w in (*NUMBERS, scene.background)}
        assert len(told) <= 1, words
        assert told <= {scene.size, NUMBERS[scene.count], scene.background}, (words, scene)
        fact = told.pop() if told else "nothing"
        kind = "size" if fact == scene.size else "number" if fact in NUMBERS else "color"
        asked["nothing" if fact == "nothing" else kind] += 1
    assert asked["nothing"] / len(searches) == pytest.approx(0.5, abs=0.05)
    assert min(asked["size"], asked["number"]) > 0.04 * len(searches)
    assert asked["color"] > 0.2 * len(searches)


def test_a_search_says_flower_as_gladly_as_tulip():
    (tulip,) = find_emoji("🌷")
    words = Wordbook(load_emoji())
    nouns = Counter(words.searched_noun(tulip, uniform).singular for uniform in np.linspace(0, 1, 1000, endpoint=False))
    assert nouns["tulip"] > nouns["flower"] == pytest.approx(nouns["plant"], abs=2), "its own name, and two families"
    assert nouns["flower"] + nouns["plant"] >= 1000 * FAMILY_SHARE
    (moai,) = find_emoji("🗿")
    assert {words.searched_noun(moai, uniform).singular for uniform in (0, 0.3, 0.5, 0.9)} == {"moai"}


def test_searches_have_good_articles(searches):
    text = "\n".join(words for _, words in searches)
    assert not re.search(r"\ba orange\b|\ba umbrella\b|\ban? (two|three|four) |  |\{|\}", text)
    assert re.search(r"^rocket$", text, re.MULTILINE) or re.search(r"^\w+ on \w+$", text, re.MULTILINE)
