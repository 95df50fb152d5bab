"""How likely is a caption, whatever the image? A trigram model of words, counted from the training captions.

    p(word | two before it) = 0.6 · trigram + 0.3 · bigram + 0.09 · unigram + 0.01 / vocabulary

A test whose wrong captions read oddly can be passed without looking at an image. This model never sees one: whatever it
gets right, a vision-language model may get right for the same reason.

Sources: Jelinek and Mercer 1980 (interpolation); Hsieh et al. 2023, "SugarCrepe", section 3, on blind models.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable

WEIGHTS = (0.6, 0.3, 0.09, 0.01)  # of the trigram, the bigram, the unigram, and of any word at all
_START, _END = "<start>", "<end>"


def words_of(caption: str) -> list[str]:
    """Return the words of a caption in lower case; a mark such as a comma is a word of its own.

    >>> words_of("A dog, on red")
    ['a', 'dog', ',', 'on', 'red']
    """
    return re.findall(r"\w+|[^\w\s]", caption.lower())


class CaptionModel:
    """An interpolated trigram model of captions.

    Args:
        captions: what it counts; at least one must have words.

    Raises:
        ValueError: there is not one word.
    """

    def __init__(self, captions: Iterable[str]) -> None:
        self._counts: Counter[tuple[str, ...]] = Counter()  # of every stretch of one, two and three words
        self._before: Counter[tuple[str, ...]] = Counter()  # how often something followed these two, one or no words
        for caption in captions:
            words = words_of(caption)
            if not words:
                continue
            line = [_START, _START, *words, _END]
            for n in range(2, len(line)):
                for k in range(3):
                    self._counts[tuple(line[n - k : n + 1])] += 1
                    self._before[tuple(line[n - k : n])] += 1
        if not self._counts:
            raise ValueError("a caption model needs captions with words, and there are none")
        self._vocabulary = sum(len(stretch) == 1 for stretch in self._counts)

    def log_likelihood(self, caption: str) -> float:
        """Return the natural logarithm of how likely the caption is, from its first word to its end."""
        line = [_START, _START, *words_of(caption), _END]
        return sum(math.log(self._probability(line[n - 2 : n + 1])) for n in range(2, len(line)))

    def _probability(self, three: list[str]) -> float:
        """Return how likely the last of three words is after the other two."""
        probability = WEIGHTS[3] / self._vocabulary
        for k, weight in zip((2, 1, 0), WEIGHTS, strict=False):
            seen = self._before[tuple(three[2 - k : 2])]
            probability += weight * self._counts[tuple(three[2 - k :])] / seen if seen else 0.0
        return probability
