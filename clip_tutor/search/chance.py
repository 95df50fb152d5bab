"""What is a high score? That depends on the model and on the images: random captions tell.

    captions of random words ─▶ text tower ─▶ the best score that each finds here ─▶ mean, std
    a query's best score                                                          ─▶ z = (score - mean) / std

A caption such as "window seven blue hat" fits nothing, and still some image comes first, with a score. A query whose
best score is no better fits nothing either. A fixed threshold cannot say that: for one model 0.22 is noise and 0.30 a
hit, for another both are noise, and more images give higher best scores.

For a query that holds an image, pairs of images of the index take the place of captions: what is usual between two.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clip_tutor.search.vector_index import VectorIndex
from clip_tutor.tokenizers import Tokenizer

RANDOM_CAPTIONS = 400
SAMPLE = 1000  # images whose scores stand for all
# z from which an image is said to fit words. Among 1,500 emoji scenes every caption of a scene that is there reaches
# it, 71 % of single nouns do, and 32 % of captions of random words.
FITS_WORDS = 0.5
FITS_IMAGE = 2.0  # the same for a query with an image: this z is over all pairs, not over best scores
OPENAI = "OpenAI's CLIP gives an image and its caption 0.25 to 0.35"


@dataclass(frozen=True)
class Chance:
    """What scores mean nothing, in one index of one model."""

    rows: int  # of the index when this was measured
    best_mean: float  # of the best score that a random caption finds
    best_std: float
    usual: float  # the mean of all scores between random captions and images
    high: float  # what one in a thousand of them reaches
    pair_mean: float  # of the scores between two images
    pair_std: float

    def z(self, score: float, with_image: bool) -> float:
        """Return by how many standard deviations a score lies above those of chance."""
        mean, std = (self.pair_mean, self.pair_std) if with_image else (self.best_mean, self.best_std)
        return (score - mean) / max(std, 1e-6)

    def fits(self, score: float, with_image: bool) -> bool:
        """Return whether a score says more than chance does."""
        return self.z(score, with_image) >= (FITS_IMAGE if with_image else FITS_WORDS)

    def explain(self, score: float, with_image: bool) -> str:
        """Return in a sentence or two whether a score is high for this model and these images."""
        z = self.z(score, with_image)
        if with_image and self.pair_std == 0:
            return f"The best score is {score:.2f}. What is usual between two images, an index of so few cannot say."
        if with_image:
            return (
                f"The best score is {score:.2f}. Two images of this index have {self.pair_mean:.2f} on average, give "
                f"or take {self.pair_std:.2f}: this is {z:+.1f} standard deviations from that."
            )
        verdict = "" if self.fits(score, with_image) else " Nothing here fits: random words find as much."
        return (
            f"The best score is {score:.2f}. With this model and these images, random captions have {self.usual:.2f} "
            f"on average, one in a thousand of their scores reaches {self.high:.2f}, and the best one that such a "
            f"caption finds is {self.best_mean:.2f}, give or take {self.best_std:.2f}: this is {z:+.1f} standard "
            f"deviations from that ({OPENAI}).{verdict}"
        )

    def as_json(self) -> dict[str, Any]:
        """Return the fields as JSON holds them."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: object) -> Chance | None:
        """Return what `as_json` gave; None if it makes no sense, and must be measured again."""
        if not isinstance(fields, dict) or not all(isinstance(number, int | float) for number in fields.values()):
            return None
        try:
            return cls(**fields)
        except TypeError:
            return None


def random_captions(tokenizer: Tokenizer, count: int = RANDOM_CAPTIONS, seed: int = 0) -> list[str]:
    """Return captions of one to six random words of the tokenizer's own vocabulary."""
    random = np.random.default_rng(seed)
    words: list[str] = []
    for token in random.permutation(tokenizer.vocab_size)[: 20 * count + 1000].tolist():
        text = tokenizer.decode([token]).strip()
        if len(text) > 2 and text.isalpha():
            words.append(text)
    if not words:  # a vocabulary of single letters
        words = ["".join(random.choice(list("abcdefghijklmnoprstuvw"), 5)) for _ in range(100)]
    return [" ".join(random.choice(words, 1 + n % 6)) for n in range(count)]


def measure_chance(index: VectorIndex, captions: NDArray[np.float32]) -> Chance:
    """Return what scores (M, E) random captions, of unit length, get in an index of at least one row.

    Raises:
        ValueError: the index holds no row, or none that is of numbers.
    """
    N, random = len(index.rows.vectors), np.random.default_rng(0)
    rows = np.flatnonzero(index.rows.alive)
    rows = np.sort(random.choice(rows, min(SAMPLE, len(rows)), replace=False))
    some = np.asarray(index.rows.vectors[rows], np.float32)
    some = some[np.isfinite(some).all(axis=1)]  # (S, E)
    if not len(some):
        raise ValueError("the index holds no image: add some before asking what scores mean")
    best = index.search(captions, 1)[0][:, 0]  # (M,)
    scores = captions @ some.T  # (M, S)
    pairs = (some @ some.T)[np.triu_indices(len(some), 1)] if len(some) > 1 else np.zeros(1, np.float32)
    return Chance(
        rows=N,
        best_mean=float(best.mean()),
        best_std=float(best.std()),
        usual=float(scores.mean()),
        high=float(np.quantile(scores, 0.999)),
        pair_mean=float(pairs.mean()),
        pair_std=float(pairs.std()),
    )
