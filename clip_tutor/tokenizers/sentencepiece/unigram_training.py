"""Learning a unigram vocabulary: begin with far too many pieces, and drop the ones that are missed least.

    captions ──▶ every substring that comes often ──▶ ┌ how often is each used, over ALL cuts? ┐ ──▶ a vocabulary
                                                      └ drop the least useful fifth            ┘ until it is small

BPE grows a vocabulary, this one shrinks it. How often a piece is used depends on the probabilities, and those on
how often it is used, so the two are found in turns (expectation, maximization). A letter is never dropped: every
word of the captions can always be spelled.

Source: Kudo 2018, "Subword Regularization", section 3.2. SentencePiece's own trainer counts and rounds differently
in details, so it does not give the same pieces.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from clip_tutor.tokenizers.cleaning import canonicalize, check_captions
from clip_tutor.tokenizers.sentencepiece.normalization import SPACE

LONGEST_PIECE = 16
# Pieces to begin with for each one that is wanted, and the share that stays in each round.
ABUNDANCE, KEPT = 8, 0.8

Scores = dict[str, float]  # log-probability of each piece


def seed_pieces(words: Counter[str], count: int) -> Scores:
    """Return the letters of ``words`` and the ``count`` substrings that cover most of their letters."""
    seen: Counter[str] = Counter()
    for word, times in words.items():
        for start in range(len(word)):
            for end in range(start + 1, min(len(word), start + LONGEST_PIECE) + 1):
                seen[word[start:end]] += times
    letters = [piece for piece in seen if len(piece) == 1]
    longer = [piece for piece in seen if len(piece) > 1 and seen[piece] > 1]
    longer.sort(key=lambda piece: (-seen[piece] * len(piece), piece))
    return log_probabilities(Counter({piece: seen[piece] for piece in (*letters, *longer[:count])}))


def log_probabilities(counts: Counter[str] | dict[str, float]) -> Scores:
    """Return each piece's share of all uses, as a logarithm; a letter that is never used keeps a trace of a use."""
    total = math.log(sum(counts.values()))
    return {piece: math.log(max(uses, 1e-3)) - total for piece, uses in counts.items()}


def expected_counts(word: str, scores: Scores) -> tuple[float, dict[str, float]]:
    """Return the log-probability of a word, and how often each piece is used in it, averaged over all its cuts.

    A cut counts as much as it is probable. All cuts up to a place (``before``) and from it on (``behind``) are
    summed once for each place, so there is no need to list the cuts, of which there are 2ⁿ⁻¹.
    """
    n = len(word)
    edges = [
        (start, end, word[start:end])
        for start in range(n)
        for end in range(start + 1, min(n, start + LONGEST_PIECE) + 1)
        if word[start:end] in scores
    ]
    before, behind = [1.0, *[0.0] * n], [*[0.0] * n, 1.0]
    for start, end, piece in edges:
        before[end] += before[start] * math.exp(scores[piece])
    for start, end, piece in reversed(edges):
        behind[start] += behind[end] * math.exp(scores[piece])
    uses: dict[str, float] = {}
    for start, end, piece in edges:
        share = before[start] * math.exp(scores[piece]) * behind[end] / before[n]
        uses[piece] = uses.get(piece, 0.0) + share
    return math.log(before[n]), uses


def best_without(piece: str, scores: Scores) -> float:
    """Return the log-probability of the best way to spell a piece with the others (Viterbi)."""
    best = [0.0, *[-math.inf] * len(piece)]
    for start in range(len(piece)):
        for end in range(start + 1, len(piece) + 1):
            part = piece[start:end]
            if part != piece and part in scores:
                best[end] = max(best[end], best[start] + scores[part])
    return best[-1]


def em_step(words: Counter[str], scores: Scores) -> tuple[float, Scores]:
    """Return the log-likelihood of all words under ``scores``, and the scores that fit their uses better."""
    likelihood = 0.0
    counts: dict[str, float] = dict.fromkeys(scores, 0.0)
    for word, times in words.items():
        log_probability, uses = expected_counts(word, scores)
        likelihood += times * log_probability
        for piece, share in uses.items():
            counts[piece] += times * share
    return likelihood, log_probabilities(counts)


def learn_pieces(captions: Iterable[str], count: int) -> Scores:
    """Return at most ``count`` pieces with their log-probabilities, the most probable first.

    Raises:
        TypeError: ``captions`` is one text, or a caption is not a string.
        ValueError: the captions have more different letters than ``count``, or none at all.
    """
    check_captions(captions)
    words = Counter(SPACE + word for caption in captions for word in canonicalize(caption).split())
    if not words:
        raise ValueError("these captions have no words: there is nothing to learn from")
    scores = seed_pieces(words, ABUNDANCE * count)
    letters = {piece for piece in scores if len(piece) == 1}
    if len(letters) > count:
        raise ValueError(f"{count} pieces are too few: these captions have {len(letters)} different letters")
    while True:
        for _ in range(2):
            _, scores = em_step(words, scores)
        if len(scores) <= count:
            return dict(sorted(scores.items(), key=lambda item: (-item[1], item[0])))
        # What the likelihood loses without a piece: its uses, times what spelling it otherwise costs.
        loss = {piece: math.exp(scores[piece]) * (scores[piece] - best_without(piece, scores)) for piece in scores}
        longer = sorted((piece for piece in scores if piece not in letters), key=lambda piece: (-loss[piece], piece))
        room = max(count - len(letters), int(KEPT * len(longer)))
        scores = {piece: scores[piece] for piece in (*letters, *longer[:room])}
