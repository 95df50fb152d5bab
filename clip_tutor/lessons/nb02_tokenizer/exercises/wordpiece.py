"""Notebook 02's exercise about another family of tokenizers: BERT's WordPiece cuts off the longest piece that fits."""

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe


def longest_match(word: str, pieces: set[str]) -> list[str]:
    """Return a word as WordPiece cuts it: again and again, the longest piece that fits what is left of the word.

    A piece that does not begin the word is listed with "##" before it: "carpet" may become ["car", "##pet"].
    If at some place no piece fits, the whole word is unknown: ["[UNK]"].
    """
    found: list[str] = []
    start = 0
    while start < len(word):
        mark = "##" if start else ""
        fits = [end for end in range(start + 1, len(word) + 1) if mark + word[start:end] in pieces]
        if not fits:
            return ["[UNK]"]
        found.append(mark + word[start : fits[-1]])
        start = fits[-1]
    return found


_PIECES = set(
    (
        *("c", "ca", "car", "carp", "cat", "s", "sc", "scar", "at", "pet"),
        *("##a", "##ar", "##car", "##p", "##pe", "##pet", "##et", "##e", "##t", "##r"),
    )
)


def _check_match(match: Attempt) -> str:
    words = ("cat", "car", "carpet", "carp", "scar", "carpets", "scat", "petcar", "zoo", "catz", "pet")
    results = [(word, match(word, _PIECES)) for word in words]
    listed = " ".join(sorted(_PIECES))
    for word, result in results:
        demand(
            isinstance(result, list) and all(isinstance(piece, str) for piece in result),
            f"the result is {describe(result)}",
            "a list of strings, one for each piece",
        )
        right = longest_match(word, _PIECES)
        demand(result == right, f"{result} for {word!r}, with the pieces {listed}", f"{right}")
    return f"{len(words)} words: whole, in pieces, unknown, and one that greed cuts in an odd place"


def _match_with(choose, mark="##", first="", dead_end=lambda found, rest: ["[UNK]"]):  # type: ignore[no-untyped-def]
    """Return a matcher that takes another of the pieces that fit, marks otherwise, or gives up otherwise."""

    def match(word, pieces):  # type: ignore[no-untyped-def]
        found: list[str] = []
        start = 0
        while start < len(word):
            sign = mark if start else first
            key = "##" if start else ""
            fits = [end for end in range(start + 1, len(word) + 1) if key + word[start:end] in pieces]
            if not fits:
                return dead_end(found, word[start:])
            end = choose(fits)
            found.append(sign + word[start:end])
            start = end
        return found

    return match


def _from_the_end(word, pieces):  # type: ignore[no-untyped-def]
    found: list[str] = []
    end = len(word)
    while end:
        fits = [start for start in range(end) if ("##" if start else "") + word[start:end] in pieces]
        if not fits:
            return ["[UNK]"]
        found.insert(0, ("##" if fits[0] else "") + word[fits[0] : end])
        end = fits[0]
    return found


MATCH = Exercise(
    id="02.7",
    title="BERT's way: the longest piece that fits",
    difficulty=2,
    minutes=10,
    kind="further",
    reference=longest_match,
    check=_check_match,
    hints=(
        "Keep the place where the rest of the word begins. Try the whole rest as a piece, then one letter less, …",
        'Before looking a piece up, put "##" in front of it unless it begins the word. Found it? Then go on behind it.',
        'If not even one letter fits, `return ["[UNK]"]`: the pieces found so far do not count any more.',
    ),
    mutants=(
        Mutant(_match_with(min), "the shortest piece that fits was taken: begin with the longest"),
        Mutant(_match_with(max, mark=""), "the pieces inside the word lost their ##: that is how they are listed"),
        Mutant(_match_with(max, first="##"), "the first piece got a ## too: it begins the word"),
        Mutant(
            _match_with(max, dead_end=lambda found, rest: [*found, "[UNK]"]),
            "only the rest became [UNK]: BERT gives up the whole word, and with it what was found before",
        ),
        Mutant(
            _match_with(max, dead_end=lambda found, rest: found),
            "what does not fit was dropped in silence: the whole word becomes [UNK]",
        ),
        Mutant(
            _match_with(max, dead_end=lambda found, rest: [*found, *rest]),
            "what does not fit was spelled in letters: they are not in the list, so they have no id",
        ),
        Mutant(_from_the_end, "the longest piece was taken from the end: begin at the start of the word"),
        Mutant(
            lambda word, pieces: [word] if word in pieces else ["[UNK]"],
            "only whole words were looked up: cut off the longest piece that begins the word, and go on with the rest",
        ),
    ),
)
