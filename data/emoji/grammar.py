"""English for the emoji names: noun phrases, articles, plurals.

CLDR's short names are labels ("flag: France", "person: beard", "twelve o’clock", "face with medical mask"). A caption
needs noun phrases that follow an article or a number:

    name ──phrase()──▶ "face with a medical mask" ──article()──▶ "a"
                                                  └─plural()──▶ "faces with a medical mask"

Rules come first; what no rule reaches stands in the tables of `irregular.py`.
"""

from __future__ import annotations

import functools
import re
from collections import Counter

import inflect
from irregular import (
    ALWAYS_PLURAL,
    AN_WORDS,
    BARE_COMPLEMENTS,
    COUNTRIES,
    COUNTRIES_WITH_THE,
    IRREGULAR_PLURALS,
    NOT_PLURAL,
    PHRASES,
    PROPER_NOUNS,
    SIGN_SUBGROUPS,
    THE_COMPLEMENTS,
    WITHOUT_ARTICLE,
)

_ENGINE = inflect.engine()
_COUNTS = {1: "one", 2: "two", 3: "three"}
_PEOPLE = {"man", "woman", "person", "boy", "girl"}
_PREPOSITIONS = {"with", "without", "of", "in", "on", "at", "behind", "over", "under", "between", "from", "for"}
_OPENERS = "with|without|in|on|behind|wearing|getting|feeding|rowing|bouncing|tipping|raising|taking|blowing"
# Nouns that a participle may follow ("face blowing a kiss"), and nouns that are the head of a phrase that ends in them.
_PARTICIPLE_HEADS = {
    *_PEOPLE, "people", "men", "women", "face", "finger", "globe", "clock", "page", "leaf", "arrow", "glass",
    "triangle",
}  # fmt: skip
_FINAL_HEADS = {"sign", "symbol", "button", "keycap", "ceremony", "mark", "flag"}


def ascii_quotes(text: str) -> str:
    """Typographic quotes become the ones on a keyboard."""
    return text.translate(str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"'}))


def phrase(name: str, subgroup: str) -> str:
    """The CLDR short name as a noun phrase without its article: `flag: France` -> `flag of France`."""
    name = ascii_quotes(name)
    if name in PHRASES:
        return PHRASES[name]
    if ": " in name:
        return _from_colon(*name.split(": ", 1))
    if match := re.fullmatch(r"(\w+) button \(blood type\)", name):
        return f"blood type {match[1]} button"
    if subgroup == "time" and re.search(r"o'clock$|-thirty$", name):
        return f"clock showing {name}"
    if subgroup == "zodiac":
        return f"{name} zodiac sign"
    if subgroup in SIGN_SUBGROUPS and name.split()[-1] not in {"sign", "symbol"}:
        return f"{name} sign"
    return _complements_with_articles(_proper(name))


def article(text: str) -> str:
    """`a` or `an`, or nothing for a phrase whose head is a plural or a mass noun."""
    head, _ = _split_head(text)
    if text in WITHOUT_ARTICLE or head in WITHOUT_ARTICLE or is_plural(head.split()[-1]):
        return ""
    if text.split()[0] in AN_WORDS:
        return "an"
    return _ENGINE.a(text).split()[0]


def plural(text: str) -> str:
    """The phrase with its head noun in the plural; an article-less phrase stays as it is."""
    if text in IRREGULAR_PLURALS:
        return IRREGULAR_PLURALS[text]
    if not article(text):
        return text
    if _ends_in_head(text):
        return _plural_compound(text)
    head, rest = _split_head(text)
    return _plural_heads(head) + _plural_complement(rest)


def head_noun(text: str) -> str:
    """The phrase without what follows its head noun: `face with a medical mask` -> `face`."""
    return _split_head(text)[0]


def country(text: str) -> str:
    """A territory's name as it stands after `of`: `the Bahamas`, `Trinidad and Tobago`."""
    text = COUNTRIES.get(text, text.replace(" & ", " and "))
    with_the = text in COUNTRIES_WITH_THE or text.split()[-1] in COUNTRIES_WITH_THE
    return f"the {text}" if with_the and " the " not in f" {text}" else text


def _from_colon(kind: str, detail: str) -> str:
    """Names of the form `kind: detail`, by kind."""
    if kind == "flag":
        return f"flag of {country(detail)}"
    if kind == "keycap":
        named = {"#": "hash", "*": "asterisk"}
        return f"{named[detail]} keycap" if detail in named else f"number {detail} keycap"
    if kind == "family":
        return f"family of {_roll_call(detail)}"
    if kind == "kiss":
        return f"kiss between {_roll_call(detail)}"
    if kind == "couple with heart":
        return f"couple of {_roll_call(detail)} with a heart"
    if detail == "bald":
        return f"bald {kind}"
    if detail == "beard":
        return f"{kind} with a beard"
    if kind in _PEOPLE and detail.endswith(" hair"):
        return f"{kind} with {detail}"
    raise ValueError(f"no rule makes a phrase of {kind + ': ' + detail!r}: add one to _from_colon")


def _roll_call(members: str) -> str:
    """`man, man, girl` -> `two men and a girl`."""
    counted = Counter(members.split(", "))
    named = [f"a {one}" if count == 1 else f"{_COUNTS[count]} {_ENGINE.plural(one)}" for one, count in counted.items()]
    return named[0] if len(named) == 1 else ", ".join(named[:-1]) + " and " + named[-1]


def _proper(text: str) -> str:
    """Capital letters where English has them and CLDR's labels have not."""
    for word in PROPER_NOUNS:
        text = re.sub(rf"(?i)\b{re.escape(word)}\b", word, text)
    return text


def _complements_with_articles(text: str) -> str:
    """`face with medical mask` -> `face with a medical mask`; plurals and mass nouns stay bare."""
    match = re.fullmatch(rf"(.+?) ({_OPENERS}) (.+)", text)
    if match is None or _ends_in_head(text):
        return text
    head, opener, complement = match.groups()
    if complement in THE_COMPLEMENTS:
        return f"{head} {opener} the {complement}"
    noun = _split_head(complement)[0].split()[-1]
    bare = complement in BARE_COMPLEMENTS or complement.split()[0] in {"a", "an", "the", "its"} or is_plural(noun)
    return text if bare else f"{head} {opener} {_ENGINE.a(complement)}"


def _split_head(text: str) -> tuple[str, str]:
    """The phrase up to its head noun, and what follows: (`face`, ` with a medical mask`)."""
    words = text.split()
    if _ends_in_head(text):
        return text, ""
    for index in range(1, len(words)):
        participle = words[index].endswith("ing") or words[index] in {"mountain", "tilted", "pointed"}
        if words[index] in _PREPOSITIONS or (participle and words[index - 1] in _PARTICIPLE_HEADS):
            return " ".join(words[:index]), " " + " ".join(words[index:])
    return text, ""


def _ends_in_head(text: str) -> bool:
    """`litter in bin sign` is a sign; `mailbox with raised flag` is no flag."""
    return text.split()[-1] in _FINAL_HEADS and " with " not in text


def _plural_heads(text: str) -> str:
    """`bow and arrow` -> `bows and arrows`."""
    return " and ".join(_plural_compound(part) for part in text.split(" and "))


def _plural_complement(text: str) -> str:
    """Several have several: ` with a medical mask` -> ` with medical masks`; anything else stays."""
    match = re.fullmatch(rf"(.* (?:{_OPENERS})) an? (.+)", text)
    if match is None:
        return text.replace(" its mouth", " their mouths")
    noun, rest = _split_head(match[2])
    return f"{match[1]} {_plural_heads(noun)}{rest.replace(' its mouth', ' their mouths')}"


def _plural_compound(text: str) -> str:
    """The plural of a noun phrase that ends in its head; `woman judge` becomes `women judges`."""
    words = text.split()
    if len(words) > 1 and words[0] in {"man", "woman"}:
        words[0] = _plural_word(words[0])
    possessives = {"man's": "men's", "woman's": "women's"}
    words = [possessives.get(word, word) for word in words]
    return " ".join([*words[:-1], _plural_word(words[-1])])


@functools.cache
def _plural_word(word: str) -> str:
    """A single noun's plural."""
    if word in IRREGULAR_PLURALS:
        return IRREGULAR_PLURALS[word]
    return word if is_plural(word) else _ENGINE.plural(word)


@functools.cache
def is_plural(word: str) -> bool:
    """Whether a word is a plural that differs from its singular."""
    if word in ALWAYS_PLURAL:
        return True
    if word in NOT_PLURAL or word.endswith(("ss", "us")):
        return False
    return _ENGINE.singular_noun(word) not in {False, word}
