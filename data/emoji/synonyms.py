"""Which CLDR keywords can stand for the thing itself.

CLDR's keywords mix names ("puppy", "car") with moods, places and uses ("adorbs", "driving"). A caption may only replace
the name by a noun that is true of the image, so a keyword is kept as a synonym when it ends the name ("red apple":
"apple"), or when WordNet relates it to the name's head noun:

    the same sense   automobile = car
    above it         apple < edible fruit < fruit
    defined by it    puppy: "a young dog"

What WordNet misses or misreads stands in the tables of `irregular.py`. Everything else that is a clean English word
becomes a tag.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from grammar import head_noun, is_plural
from irregular import ALSO, NEVER, NEVER_TAGS, PARTITIVES, TOO_GENERAL, TRUE_OF_SUBGROUP, WITHOUT_ARTICLE

# WordNet's lexicographer files (lexnames(5)) that a group's senses come from: animal 5, artifact 6, act 4, body 8, ...
_LEXFILES = {
    "Smileys & Emotion": {5, 6, 8, 10, 18},
    "People & Body": {8, 14, 18},
    "Animals & Nature": {5, 20},
    "Food & Drink": {6, 13},
    "food-marine": {5},
    "Travel & Places": {6, 15, 17, 19},
    "Activities": {6, 10, 14},
    "Objects": {6, 10, 13, 21},
    "Symbols": {6, 10, 25},
    "Flags": {6, 10},
}
_TOPS = 3  # the lexicographer file of the broadest senses, such as person, animal, plant
_PEOPLE = {"man", "woman", "person"}


@dataclass(frozen=True)
class Synset:
    """One sense: its lexicographer file, its words, the offsets of its hypernyms, its definition."""

    lexfile: int
    lemmas: tuple[str, ...]
    hypernyms: tuple[int, ...]
    definition: str


class WordNet:
    """The nouns of a WordNet 3.0 folder, and the words of the other three parts of speech."""

    def __init__(self, folder: Path) -> None:
        self.senses: dict[str, tuple[int, ...]] = {}
        self.synsets: dict[int, Synset] = {}
        for line in _records(folder / "index.noun"):
            fields = line.split()
            self.senses[fields[0].replace("_", " ")] = tuple(int(offset) for offset in fields[-int(fields[2]) :])
        for line in _records(folder / "data.noun"):
            offset, synset = _parse_synset(line)
            self.synsets[offset] = synset
        others = (line for kind in ("verb", "adj", "adv") for line in _records(folder / f"index.{kind}"))
        self.words = set(self.senses) | {line.split(" ", 1)[0] for line in others}

    def above(self, offset: int) -> dict[int, int]:
        """The sense and everything above it, each with its distance."""
        found, frontier = {offset: 0}, [offset]
        while frontier:
            distance = found[frontier[0]] + 1
            frontier = [up for one in frontier for up in self.synsets[one].hypernyms if up not in found]
            found.update(dict.fromkeys(frontier, distance))
        return found


def split_keywords(
    wordnet: WordNet, phrase: str, group: str, subgroup: str, keywords: list[str]
) -> tuple[list[str], list[str]]:
    """The keywords that are synonyms (closest first), and those that are left as tags."""
    candidates = {word: _distance(wordnet, word, phrase, group, subgroup, keywords) for word in keywords}
    near = [word for word in keywords if candidates[word] is not None and _may_replace(word, phrase)]
    synonyms = sorted(near, key=lambda word: candidates[word] or 0)
    words = set(re.findall(r"[\w'-]+", phrase.lower()))
    tags = [word for word in keywords if word not in synonyms and word not in words and _is_clean(wordnet, word)]
    return synonyms, tags


def _distance(wordnet: WordNet, word: str, phrase: str, group: str, subgroup: str, keywords: list[str]) -> int | None:
    """How far a keyword is from the name's sense; nothing where it cannot stand for it."""
    head = _head(phrase, subgroup)
    last = head.split()[-1]
    generic = re.sub("^(man|woman) ", "", phrase)
    if is_plural(last) or any(word in NEVER.get(key, ()) for key in (phrase, head, generic)):
        return None
    if any(word in ALSO.get(key, ()) for key in (phrase, generic, f"person {generic}")) or _is_agent(word, phrase):
        return 1
    if (" of " in phrase and head in PARTITIVES) or " and " in head:
        return None
    if word in TRUE_OF_SUBGROUP.get(subgroup, ()) or word == last or (word in _PEOPLE and word in head.split()):
        return 2
    lexfiles = _LEXFILES.get(subgroup, _LEXFILES[group]) | {_TOPS}
    anchor = _anchor(wordnet, head)
    if anchor is None:
        return None
    above = wordnet.above(_best_sense(wordnet, anchor, keywords, lexfiles))
    distances = []
    for offset in wordnet.senses.get(word, ()):
        if offset in above:
            distances.append(2 * above[offset])
        elif anchor not in _PEOPLE and wordnet.synsets[offset].lexfile in lexfiles:
            distances += [1] * (_defined_by(wordnet.synsets[offset].definition) == anchor)
    return min(distances, default=None)


def _may_replace(word: str, phrase: str) -> bool:
    """Whether a keyword is shaped like a singular countable noun other than the phrase."""
    shaped = bool(re.fullmatch(r"[a-z]{3,}(-[a-z]+)*|tv|pc", word))
    refused = WITHOUT_ARTICLE | TOO_GENERAL | NEVER_TAGS | {phrase}
    return shaped and word not in refused and not is_plural(word)


def _head(phrase: str, subgroup: str) -> str:
    """The phrase's head noun with what stands before it; an animal's face stands for the animal."""
    head = head_noun(phrase)
    return head.removesuffix(" face") if subgroup.startswith("animal-") else head


def _is_agent(word: str, phrase: str) -> bool:
    """Whether a keyword names who does what the phrase says: `swimmer` for `person swimming`."""
    return word.endswith("er") and f" {word[:-2]}ing" in phrase and phrase.split()[0] in _PEOPLE


def _anchor(wordnet: WordNet, head: str) -> str | None:
    """The longest end of the head that WordNet lists: `oncoming police car` -> `police car`."""
    words = head.split()
    ends = (" ".join(words[index:]) for index in range(len(words)))
    return next((end for end in ends if end in wordnet.senses), None)


def _best_sense(wordnet: WordNet, anchor: str, keywords: list[str], lexfiles: set[int]) -> int:
    """The sense that lies in the group's files and shares most words with the keywords; the commoner on a tie."""

    def score(item: tuple[int, int]) -> tuple[bool, int, int]:
        rank, offset = item
        above = wordnet.above(offset)
        near = {lemma for one in above for lemma in wordnet.synsets[one].lemmas}
        shared = near | set(re.findall(r"[a-z-]+", wordnet.synsets[offset].definition))
        return wordnet.synsets[offset].lexfile in lexfiles, len(shared & set(keywords) - {anchor}), -rank

    return max(enumerate(wordnet.senses[anchor]), key=score)[1]


def _defined_by(definition: str) -> str:
    """The head noun of a definition: `a young dog` -> `dog`, `young domestic cat` -> `cat`."""
    definition = re.sub(r"\([^)]*\)|especially ", "", definition)
    first = re.split(r"[;,(]| (?:of|that|which|who|with|in|for|having|used|usually|kept|to|from|on)\b", definition)[0]
    return re.sub(r"^(a|an|the|any) ", "", first.strip()).split(" ")[-1]


def _is_clean(wordnet: WordNet, word: str) -> bool:
    """Whether a keyword is an English word that a caption can be tagged with."""
    shaped = re.fullmatch(r"[a-z]{3,}(-[a-z]+)*", word) and re.search("[aeiouy]", word)
    return bool(shaped) and word in wordnet.words and word not in NEVER_TAGS


def _records(path: Path) -> list[str]:
    return [line for line in path.read_text("utf-8").splitlines() if not line.startswith("  ")]


def _parse_synset(line: str) -> tuple[int, Synset]:
    """One line of data.noun, as wndb(5) describes it."""
    fields, gloss = line.split(" | ", 1)
    offset, lexfile, _, count, *rest = fields.split()
    words = int(count, 16)
    lemmas = tuple(lemma.replace("_", " ").lower() for lemma in rest[0 : 2 * words : 2])
    pointers = rest[2 * words + 1 :]
    hypernyms = tuple(int(pointers[i + 1]) for i in range(0, len(pointers) - 3, 4) if pointers[i] in {"@", "@i"})
    return int(offset), Synset(int(lexfile), lemmas, hypernyms, gloss.split('; "')[0].strip())
