"""From a scene's truth to an English sentence, in several wordings.

Six random numbers decide: which noun each object goes by, how its size is put, how the relation is told, how the
background is mentioned. `describe` tells all there is, as a caption does; `search_words` little, as a search does.
"""

from bisect import bisect
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from typing import TypeVar

from clip_tutor.data.emoji import Emoji, Noun

NUMBERS = ("no", "one", "two", "three", "four")
SIZE_WORDS = {"tiny": ("tiny", "little", "small"), "huge": ("huge", "big", "giant")}
RELATION_WORDS = {
    "left of": ("to the left of", "left of"),
    "right of": ("to the right of", "right of"),
    "above": ("above", "over"),
    "below": ("below", "under"),
}
OPPOSITE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
SETTINGS = (
    "{thing} on {a_color} background",
    "{thing} on {a_color} background",
    "{thing} on {color}",
    "{thing} in front of {a_color} background",
    "{a_color} background with {thing}",
    "a picture of {thing} on {a_color} background",
)
SYNONYM_SHARE, TAG_SHARE = 0.2, 0.02
# A noun that so many objects go by names a family of them, and this share of searches is for one: "fruit", "tree".
FAMILY, FAMILY_SHARE = 3, 0.4
# Almost a third of the training captions name the thing alone, as people do when they search; half of those also leave
# out its size.
# Were color and size always told, they would single out the image, and nothing would be left to learn the thing from.
NO_SETTING_SHARE, NO_SIZE_SHARE = 0.3, 0.15

T = TypeVar("T")


def choose(options: Sequence[T], uniform: float) -> T:
    """Return one of the options; ``uniform`` lies in [0, 1)."""
    return options[int(uniform * len(options))]


def article(words: str) -> str:
    """Return "a" or "an" for words written as they sound (every adjective in this module is)."""
    return "an" if words[0] in "aeio" else "a"


def singular(noun: Noun, adjective: str = "") -> str:
    """Return "an apple", "a tiny apple", "grapes" or "tiny grapes"."""
    words = f"{adjective} {noun.singular}" if adjective else noun.singular
    if not noun.article:
        return words
    return f"{article(adjective) if adjective else noun.article} {words}"


def several(noun: Noun, count: int) -> str:
    """Return "two apples"; what has no singular is counted in drawings, "two drawings of grapes"."""
    return f"{NUMBERS[count]} {noun.plural if noun.article else f'drawings of {noun.plural}'}"


class Wordbook:
    """Which nouns each object goes by, and how often.

    Its short name most of the time; else a synonym, the more often the fewer objects share it: "kitten" says
    more about a cat than "animal" does.
    """

    def __init__(self, objects: Sequence[Emoji]) -> None:
        shared = Counter(noun.singular for emoji in objects for noun in emoji.synonyms)
        called = Counter(
            name for emoji in objects for name in {noun.singular for noun in (emoji.noun, *emoji.synonyms)}
        )
        self._nouns: dict[str, tuple[list[Noun], list[float]]] = {}
        self._families = {
            emoji.character: [noun for noun in (emoji.noun, *emoji.synonyms) if called[noun.singular] >= FAMILY]
            for emoji in objects
        }
        for emoji in objects:
            shares = [1 / shared[noun.singular] for noun in emoji.synonyms]
            weights = [1 - SYNONYM_SHARE, *(SYNONYM_SHARE * share / sum(shares) for share in shares)]
            self._nouns[emoji.character] = [emoji.noun, *emoji.synonyms], list(accumulate(weights))

    def noun(self, emoji: Emoji, uniform: float) -> Noun:
        """Return one of the emoji's nouns."""
        nouns, shares = self._nouns[emoji.character]
        return nouns[min(bisect(shares, uniform * shares[-1]), len(nouns) - 1)]

    def searched_noun(self, emoji: Emoji, uniform: float) -> Noun:
        """Return what a person might look for who would be glad of this emoji: "flower" as often as "tulip"."""
        nouns, _ = self._nouns[emoji.character]
        families = self._families[emoji.character]
        if families and uniform < FAMILY_SHARE:
            return choose(families, uniform / FAMILY_SHARE)
        rest = (uniform - FAMILY_SHARE) / (1 - FAMILY_SHARE) if families else uniform
        return nouns[0] if rest < 0.5 else choose(nouns, 2 * rest - 1)


def describe(
    objects: Sequence[Emoji],
    count: int,
    size: str | None,
    relation: str | None,
    background: str,
    uniforms: Sequence[float],
    wordbook: Wordbook | None = None,
    mirrored: float = 0.5,
) -> str:
    """Return a caption for a scene with this truth.

    Args:
        objects: one emoji, or the two of a relation.
        count: how many of the one there are.
        size: "tiny", "plain" or "huge" for one object, else None.
        relation: how objects[0] lies to objects[1], or None.
        background: the name of its color.
        uniforms: six random numbers in [0, 1) that choose the words.
        wordbook: where synonyms come from. Without one the caption is plain: short names, nothing left out, so
            that exactly one image fits.
        mirrored: the share of relations told with "right of" or "below"; the others are told from the other side.
    """
    first, second, third, fourth, fifth, sixth = uniforms
    noun = wordbook.noun(objects[0], first) if wordbook else objects[0].noun
    if relation:
        other = wordbook.noun(objects[1], second) if wordbook else objects[1].noun
        if third < (mirrored if relation in ("left of", "above") else 1 - mirrored):  # the same, from the other side
            noun, other, relation = other, noun, OPPOSITE[relation]
        thing = f"{singular(noun)} {choose(RELATION_WORDS[relation], fourth)} {singular(other)}"
    elif count > 1:
        thing = several(noun, count)
    else:
        adjectives = SIZE_WORDS.get(size or "", ()) if not wordbook or sixth >= NO_SIZE_SHARE else ()
        thing = singular(noun, choose(adjectives, third) if adjectives else "")
    if not wordbook or sixth >= NO_SETTING_SHARE:
        a_color = f"{article(background)} {background}"
        thing = choose(SETTINGS, fifth).format(thing=thing, color=background, a_color=a_color)
    if wordbook and sixth >= 1 - TAG_SHARE and objects[0].tags:
        thing += f", tagged {choose(objects[0].tags, fourth)}"
    return thing


def search_words(
    objects: Sequence[Emoji],
    count: int,
    size: str | None,
    background: str,
    uniforms: Sequence[float],
    wordbook: Wordbook,
) -> str:
    """Return what a person might type to find a scene: one of its things, and at most one fact about it.

    The arguments are those of `describe`; the first five random numbers are used.
    """
    first, second, third, fourth, fifth = uniforms[:5]
    noun = wordbook.searched_noun(choose(objects, second), first)
    several_of_one = count > 1 and len(objects) == 1
    bare = fifth < 0.3  # "banana" instead of "a banana"
    if 0.5 <= third < 0.75 and (adjectives := SIZE_WORDS.get(size or "", ())):
        adjective = choose(adjectives, fourth)
        return f"{adjective} {noun.singular}" if bare else singular(noun, adjective)
    if 0.5 <= third < 0.75 and several_of_one:
        return several(noun, count)
    thing = noun.singular if bare else noun.plural if several_of_one else singular(noun)
    if third < 0.5:
        return thing
    setting = choose(("{thing} on {color}", "{thing} on {a_color} background"), fourth)
    return setting.format(thing=thing, color=background, a_color=f"{article(background)} {background}")
