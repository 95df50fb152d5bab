"""What does a caption say? Its words, read back into facts, and each fact compared with the scene.

    "a picture of two red apples on a blue background"
        objects  🍎                  a name that the data set has, in the singular or, where counted, in the plural
        count    2                   "an apple" counts one; "a cat above a dog" counts two, one of each
        relation none
        background blue

A caption is right about a fact if it SAYS what is true. Training captions always tell object, number and background,
and of two things how one lies to the other, so silence about one of them is a mistake, as a wrong word is. Size and
wording are free. What a caption says is read phrase by phrase, and a phrase that cannot be read, such as a name that no
object has, spoils only the fact that it tells.

BLEU and CIDEr count words in common with a reference. "a cat left of a dog" and "a dog left of a cat" have all words in
common, and one of them is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from clip_tutor.data.captions import NUMBERS, OPPOSITE, RELATION_WORDS, SETTINGS, SIZE_WORDS, article, several, singular
from clip_tutor.data.drawing import BACKGROUNDS
from clip_tutor.data.emoji import Emoji
from clip_tutor.data.scenes import Scene

FACTS = ("object", "count", "relation", "background")
_ADJECTIVES = tuple(word for words in SIZE_WORDS.values() for word in words)
_SIDES = tuple((words, side) for side, wordings in RELATION_WORDS.items() for words in wordings)


@dataclass(frozen=True)
class Told:
    """What a caption says; what it does not say, or not in words that can be read, is None."""

    objects: tuple[str | None, ...]  # the characters named: one, or the two of a relation in the order told
    count: int | None = None  # how many drawings there are
    relation: str | None = None  # how the first object lies to the second
    background: str | None = None


class CaptionReader:
    """Reads captions of scenes made of these objects.

    Case is ignored: a tokenizer may have lowered it.
    """

    def __init__(self, objects: Sequence[Emoji]) -> None:
        self.objects = objects

    @cached_property
    def _phrases(self) -> dict[str, tuple[str, int]]:
        """The character and number that each phrase stands for: "two apples", "a tiny apple"."""
        phrases: dict[str, tuple[str, int]] = {}
        for emoji in self.objects:
            phrases |= {several(emoji.noun, n).lower(): (emoji.character, n) for n in range(2, len(NUMBERS))}
            for adjective in ("", *_ADJECTIVES):
                phrases[singular(emoji.noun, adjective).lower()] = emoji.character, 1
        return phrases

    def read(self, caption: str) -> Told:
        """Return what a caption says."""
        caption = " ".join(caption.lower().split())
        readings = [self._thing(thing, color) for thing, color in _settings(caption)]
        return max(readings, key=_facts_told)

    def _thing(self, thing: str, background: str | None) -> Told:
        """Return what is said of the things that stand before a background."""
        if named := self._phrases.get(thing):
            return Told((named[0],), named[1], None, background)
        beside = [self._beside(first, side, second, background) for first, side, second in _relations(thing)]
        number = next((n for n, word in enumerate(NUMBERS) if n > 1 and thing.startswith(f"{word} ")), None)
        one = thing.startswith(("a ", "an "))
        return max([*beside, Told((None,), 1 if one else number, None, background)], key=_facts_told)

    def _beside(self, first: str, side: str, second: str, background: str | None) -> Told:
        named = [self._phrases.get(words, (None, 0))[0] for words in (first, second)]
        return Told(tuple(named), 2, side, background)


def _settings(caption: str) -> Iterator[tuple[str, str | None]]:
    """Yield every way to take a caption apart into its thing and its background's color, or None."""
    yield caption.removeprefix("a picture of "), None
    for setting in dict.fromkeys(SETTINGS):
        for color in BACKGROUNDS:
            before, after = setting.format(thing="\n", color=color, a_color=f"{article(color)} {color}").split("\n")
            if len(caption) > len(before) + len(after) and caption.startswith(before) and caption.endswith(after):
                yield caption[len(before) : len(caption) - len(after)], color


def _relations(thing: str) -> Iterator[tuple[str, str, str]]:
    """Yield every way to take a thing apart into one object, a side, and another object."""
    for words, side in _SIDES:
        first, told, second = thing.partition(f" {words} ")
        while told:
            yield first, side, second
            more, told, second = second.partition(f" {words} ")
            first = f"{first} {words} {more}"


def _facts_told(told: Told) -> tuple[int, int]:
    """Return how much was understood, to choose among readings: names first, they are what ambiguous words are of."""
    named = sum(character is not None for character in told.objects)
    return (
        sum(x is not None for x in (told.count, told.relation, told.background)) + 2 * named,
        -len(told.objects),
    )


def facts_right(told: Told, scene: Scene) -> dict[str, bool]:
    """Return, for each fact that the scene has, whether the caption says what is true.

    ``object``: of a scene of two things, whether both are named, and nothing else. ``relation``: whether a thing of the
    scene stands on the side on which it is said to stand; two wrong names are beside nothing. "a left of b" and
    "b right of a" say the same.
    """
    there = [emoji.character for emoji in scene.objects]
    right = {
        "object": sorted(told.objects, key=str) == sorted(there),
        "count": told.count == scene.count,
        "background": told.background == scene.background,
    }
    if scene.relation:
        true_sides = {there[0]: scene.relation, there[1]: OPPOSITE[scene.relation]}
        said = _said_sides(told)
        right["relation"] = any(said.get(character) == side for character, side in true_sides.items())
    return right


def _said_sides(told: Told) -> dict[str | None, str]:
    if told.relation is None:
        return {}
    return {told.objects[0]: told.relation, told.objects[1]: OPPOSITE[told.relation]}
