"""From words and images to one vector that is looked for.

    words ──▶ text tower ──▶ w₁ · T ─┐
    image ──▶ image tower ─▶ w₂ · I ─┼─ sum ─▶ unit length ─▶ query
    without ▶ text tower ──▶ -½ · W ─┘

"A dog without a leash" finds leashes: a text tower reads the words, and hardly the "without". Taking the vector of "a
leash" away from the query does what was meant (``test_without_works_as_a_subtraction_and_not_as_text``). All captions
share a large part of their vectors; that part, the mean of random captions, is left in place.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clip_tutor.tokenizers import Tokenizer

Vector = NDArray[np.float32]  # (E,)
STRENGTH = 0.5  # of what is taken away: on emoji scenes all of it takes a part of what is wanted along


def combine(
    words: Vector | None,
    image: Vector | None,
    weights: tuple[float, float] = (1.0, 1.0),
    without: Vector | None = None,
    usual: Vector | None = None,
) -> Vector:
    """Return the (E,) query vector, of unit length.

    Args:
        words, image: of unit length; one of them at least.
        weights: of words and image. Only their ratio counts.
        without: of the words that are not wanted.
        usual: the mean vector of random captions, which all captions share.

    Raises:
        ValueError: there is nothing to search for, or it cancels out.
    """
    parts = [w * v for w, v in zip(weights, (words, image), strict=True) if v is not None]
    if not parts:
        raise ValueError("search for words, for an image, or for both: search('a red apple')")
    query = np.sum(parts, axis=0)
    size = np.linalg.norm(query)
    if without is not None and size > 0:
        query = query / size - STRENGTH * (without - (0 if usual is None else usual))
    size = np.linalg.norm(query)
    if not np.isfinite(size) or size < 1e-6:
        nan = not np.isfinite(size)
        raise ValueError(
            "the model gives a vector that is not of numbers (NaN), as damaged weights do: this query"
            if nan
            else f"nothing is left of this query: with the weights {weights}, its parts cancel out"
        )
    return np.asarray(query / size, np.float32)


def words_not_read(tokenizer: Tokenizer, words: str) -> str | None:
    """Return a sentence if words are longer than the model reads, else None."""
    special = 1 if tokenizer.start_id is None else 2
    ids, room = tokenizer.encode(words), tokenizer.context_length - special
    if len(ids) <= room:
        return None
    return (
        f"these words are {len(ids)} tokens, and this model reads {room}: what comes after "
        f"“… {tokenizer.decode(ids[:room])[-40:]}” was not read"
    )
