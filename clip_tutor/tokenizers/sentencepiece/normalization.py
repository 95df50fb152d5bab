"""What SentencePiece does to a text before it looks for pieces.

    "  ﬁve   dogs "  ──charsmap──▶  "  five   dogs "  ──squeeze──▶  "five dogs"  ──prefix, escape──▶  "▁five▁dogs"

A space becomes the visible ``▁``, so a piece may hold it and decoding is gluing. The prefix gives a word at
the start of a caption the same piece as in its middle. Each model says which of these steps it wants.

Source: google/sentencepiece ``src/normalizer.cc``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import regex

from clip_tutor.tokenizers.sentencepiece.charsmap import CharsMap

SPACE = "▁"


@dataclass(frozen=True)
class Normalization:
    """The steps that a model wants, under SentencePiece's names for them."""

    precompiled_charsmap: bytes = b""
    add_dummy_prefix: bool = True
    remove_extra_whitespaces: bool = True
    escape_whitespaces: bool = True


def longest_first(texts: Sequence[str]) -> regex.Pattern[str] | None:
    """Return a pattern that finds any of these texts, the longest where several fit, or None if there are none."""
    if not texts:
        return None
    return regex.compile("|".join(map(regex.escape, sorted(texts, key=lambda text: (-len(text), text)))))


class Normalizer:
    """The steps, ready to run.

    Args:
        steps: which of them to take.
        untouched: texts that the charsmap leaves alone, the pieces that a model's maker has defined by hand.
        by_grapheme: look rules up as the Hub's ``tokenizers`` does, see ``_by_grapheme``.
    """

    def __init__(self, steps: Normalization, untouched: Sequence[str] = (), by_grapheme: bool = False) -> None:
        self.steps = steps
        self._charsmap = CharsMap(steps.precompiled_charsmap)
        self._untouched = longest_first(untouched)
        self._rewritten = self._by_grapheme if by_grapheme else self._by_longest_rule

    def __call__(self, text: str) -> str:
        """Return the normalized text."""
        steps = self.steps
        parts = self._rewritten(text)
        if steps.remove_extra_whitespaces:
            parts = parts[next((i for i, part in enumerate(parts) if part != " "), len(parts)) :]
        if not parts:
            return ""
        normalized = [" "] if steps.add_dummy_prefix else []
        after_space = steps.remove_extra_whitespaces
        for part in parts:
            kept = part.lstrip(" ") if after_space else part
            if kept:
                normalized.append(kept)
                after_space = steps.remove_extra_whitespaces and kept.endswith(" ")
        joined = "".join(normalized)
        if steps.escape_whitespaces:
            joined = joined.replace(" ", SPACE)
        if steps.remove_extra_whitespaces:
            joined = joined.rstrip(SPACE if steps.escape_whitespaces else " ")
        return joined

    def _by_longest_rule(self, text: str) -> list[str]:
        """Return the text cut where the rules apply, each part as the longest rule that fits writes it."""
        data = text.encode("utf-8")
        parts: list[str] = []
        i = position = 0  # the same place, in characters and in bytes
        while i < len(text):
            if self._untouched is not None and (match := self._untouched.match(text, i)):
                source = part = match.group()
            elif rules := list(self._charsmap.matches(data, position)):
                length, rewritten = rules[-1]
                source, part = data[position : position + length].decode("utf-8"), rewritten.decode("utf-8")
            else:
                source = part = text[i]
            parts.append(part)
            i += len(source)
            position += len(source.encode("utf-8"))
        return parts

    def _by_grapheme(self, text: str) -> list[str]:
        """Return the text cut into what a reader sees as characters, each rewritten by the SHORTEST rule that fits.

        The rule replaces all of a short one, so "ϰ" with a ring below becomes a bare "κ". That is no idea of
        SentencePiece's but a habit of the program that reads ``tokenizer.json``, and so of whoever uses it.
        """
        parts: list[str] = []
        for grapheme in regex.findall(r"\X", text):
            whole = len(grapheme.encode("utf-8")) < 6
            rule = next(self._charsmap.matches(grapheme.encode("utf-8"), 0), None) if whole else None
            if rule is not None:
                parts.append(rule[1].decode("utf-8"))
                continue
            for character in grapheme:
                rule = next(self._charsmap.matches(character.encode("utf-8"), 0), None)
                parts.append(character if rule is None else rule[1].decode("utf-8"))
        return parts
