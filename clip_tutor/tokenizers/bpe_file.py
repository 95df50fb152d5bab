"""Reads merges from a published file: CLIP's, and those of other byte-level vocabularies.

"bpe_simple_vocab_16e6.txt#version: 0.2        a line of the file's own
i n                                            the first merge
t h
…                                              CLIP uses 48,894 of them
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from clip_tutor.tokenizers.bpe import END_OF_WORD, Pair, bytes_to_unicode
from clip_tutor.tokenizers.files import read_lines

# How many merges of the published file CLIP uses: 49,152 ids, as the paper has it, less 256 bytes and 2 special tokens.
CLIP_MERGES = 49_152 - 256 - 2


def read_merges(path: str | Path) -> list[Pair]:
    """Return CLIP's 48,894 merges from a published file.

    Two layouts are about: OpenAI's ``bpe_simple_vocab_16e6.txt.gz``, which goes on to 262,144 merges that CLIP
    does not use, and the Hub's ``merges.txt``. Both have a line of their own first, and then one merge a line.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is something else, holds another model's merges, or was cut off.
    """
    letters = bytes_to_unicode().values()
    first = [*letters, *(letter + END_OF_WORD for letter in letters)]
    advice = "CLIP's vocabulary is bpe_simple_vocab_16e6.txt.gz, or merges.txt on the Hub"
    merges = merges_in(read_lines(path)[: CLIP_MERGES + 1], first, path, advice)
    if not any(right.endswith(END_OF_WORD) for _, right in merges):
        raise ValueError(
            f"no merge in {path} ends a word with {END_OF_WORD!r}: these are not CLIP's but another model's"
        )
    if len(merges) < CLIP_MERGES:
        raise ValueError(f"{path} holds {len(merges):,} merges and CLIP needs {CLIP_MERGES:,}: it was cut off")
    return merges


def merges_in(lines: list[str], symbols: Iterable[str], path: str | Path, advice: str) -> list[Pair]:
    """Return the merges of a file's lines, of which the first is the file's own.

    Args:
        symbols: what the first words are spelled in; from there on, also what earlier merges made.
        path, advice: for the error.

    Raises:
        ValueError: a line is no merge of two such symbols.
    """
    known = set(symbols)
    merges: list[Pair] = []
    for number, line in enumerate(lines[1:], start=2):
        left, _, right = line.partition(" ")
        if left not in known or right not in known:
            raise ValueError(
                f"line {number} of {path} is no merge of two symbols that stand above it: {line[:40]!r}. {advice}"
            )
        merges.append((left, right))
        known.add(left + right)
    return merges
