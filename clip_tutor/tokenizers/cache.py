"""The fast way to encode what was encoded before: look it up.

Captions use the same words over and over, so a tokenizer that remembers their ids is dozens of times as fast. The
tests ``test_the_cache_changes_nothing`` and ``test_the_fast_tokenizer_gives_the_ids_of_the_plain_one`` hold the two
equal.
"""

from collections.abc import Callable

# How many words are remembered, and the length of the longest: the web has endless words that come once.
CACHE_SIZE = 100_000
CACHED_LENGTH = 50


class Cache(dict[str, list[int]]):
    """The ids of words: ``cache[word]`` computes them once, and looks them up from then on.

    Whoever asks must not change the list: it is the one that is remembered.

    Args:
        encode: gives the ids of a word that is not known yet.
    """

    def __init__(self, encode: Callable[[str], list[int]]) -> None:
        super().__init__()
        self._encode = encode

    def __missing__(self, word: str) -> list[int]:
        """Return the ids of a word that is asked for for the first time, and remember them unless it is very long."""
        ids = self._encode(word)
        if len(word) <= CACHED_LENGTH:
            if len(self) >= CACHE_SIZE:  # begin anew: frequent words are back after a few captions
                self.clear()
            self[word] = ids
        return ids
