"""Exercise 18.3: the probabilities that a word is drawn from, with a temperature and without the long tail."""

import torch
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same
from clip_tutor.lab.exercises.tried import without_autograd


def top_p_probabilities(logits: torch.Tensor, p: float, temperature: float) -> torch.Tensor:
    """Return the probabilities (B, V) from which the next token of each text is drawn; each row adds up to 1.

    logits is (B, V). They are divided by the temperature before anything else.
    Of each row the fewest likely tokens are kept that together hold at least p; all others get 0.
    p is above 0 and at most 1, temperature above 0. However small p is, the likeliest token is kept.
    """
    probabilities = (logits / temperature).softmax(dim=-1)  # (B, V)
    descending, places = probabilities.sort(dim=-1, descending=True)
    likelier = descending.cumsum(dim=-1) - descending  # what all likelier tokens hold
    kept = descending * ((likelier < p) | (p == 1))  # with p = 1 nothing is cut, though sums are rounded
    kept = kept / kept.sum(dim=-1, keepdim=True)
    return torch.zeros_like(kept).scatter(1, places, kept)


# Probabilities in no order; their sums are far from every p below.
_ROWS = torch.tensor([[0.05, 0.46, 0.12, 0.30, 0.07], [0.60, 0.02, 0.21, 0.03, 0.14], [0.15, 0.17, 0.18, 0.24, 0.26]])
_CASES = ((0.7, 1.0), (0.9, 1.0), (1.0, 1.0), (0.001, 1.0), (0.8, 0.5), (0.8, 2.0), (1.0, 0.1), (0.5, 3.0))


def _check_top_p(top_p: Attempt) -> str:
    logits = _ROWS.log() + 3.0
    found = [top_p(logits, *case) for case in _CASES]
    for result, (p, temperature) in zip(found, _CASES, strict=True):
        demand(
            isinstance(result, Tensor) and result.shape == logits.shape,
            f"the result is {describe(result)} for logits (3, 5)",
            "a tensor (3, 5): a probability for each token of each text",
        )
        right = top_p_probabilities(logits, p, temperature)
        for row, wanted, start in zip(result, right, _ROWS, strict=True):
            demand(
                same(row.float(), wanted),
                f"{_told(row)} for probabilities {_told(start)}, p = {p:g} and a temperature of {temperature:g}",
                _told(wanted),
            )
    many = torch.randn(2, 500, generator=torch.Generator().manual_seed(3))
    right = top_p_probabilities(many, 0.9, 1.0)
    result = top_p(many, 0.9, 1.0)
    demand(
        isinstance(result, Tensor) and result.shape == right.shape and bool(((result > 0) == (right > 0)).all()),
        f"of 500 tokens {(result > 0).sum(dim=1).tolist()} can be drawn in two texts, with p = 0.9",
        f"{(right > 0).sum(dim=1).tolist()}",
    )
    return "three texts at eight settings, p = 1 (all tokens), a tiny p (one token), and a vocabulary of 500"


def _told(row: Tensor) -> str:
    return f"({', '.join(f'{value:.2f}' for value in row.tolist())})"


def _with(keep, before=lambda z, T: z / T, after=lambda z, T: z):  # type: ignore[no-untyped-def]
    """Return an answer that keeps other tokens: ``keep(descending, p)`` is a mask."""

    def answer(logits, p, temperature):  # type: ignore[no-untyped-def]
        descending, places = before(logits, temperature).softmax(-1).sort(-1, descending=True)
        kept = torch.zeros_like(descending).scatter(1, places, descending * keep(descending, p))
        kept = after(kept, temperature)
        return kept / kept.sum(-1, keepdim=True)

    return answer


def _right(descending: Tensor, p: float) -> Tensor:
    return descending.cumsum(-1) - descending < p


def _below_p_but_one(descending: Tensor, p: float) -> Tensor:
    keep = descending.cumsum(-1) < p
    keep[:, 0] = True
    return keep


def _whole_batch(logits, p, temperature):  # type: ignore[no-untyped-def]
    flat = (logits / temperature).softmax(-1)
    descending, places = (flat / len(flat)).flatten().sort(descending=True)
    kept = torch.zeros_like(descending).scatter(0, places, descending * (descending.cumsum(0) - descending < p))
    kept = kept.view_as(flat)
    return kept / kept.sum(-1, keepdim=True)


def _not_divided(logits, p, temperature):  # type: ignore[no-untyped-def]
    z = (logits / temperature).softmax(-1)
    return z * (top_p_probabilities(logits, p, temperature) > 0)


def _sorted(logits, p, temperature):  # type: ignore[no-untyped-def]
    return top_p_probabilities(logits, p, temperature).sort(-1, descending=True).values


def _gathered(logits, p, temperature):  # type: ignore[no-untyped-def]
    kept = _sorted(logits, p, temperature)
    return kept.gather(1, logits.argsort(-1, descending=True))


def _softmax_of_zeros(logits, p, temperature):  # type: ignore[no-untyped-def]
    z = logits / temperature
    return (z * (top_p_probabilities(logits, p, temperature) > 0)).softmax(-1)


def _rare(logits, p, temperature):  # type: ignore[no-untyped-def]
    z = (logits / temperature).softmax(-1)
    ascending, places = z.sort(-1)
    kept = torch.zeros_like(z).scatter(1, places, ascending * _right(ascending, p))
    return kept / kept.sum(-1, keepdim=True)


TOP_P = Exercise(
    id="18.3",
    title="Top-p sampling",
    difficulty=2,
    minutes=12,
    reference=top_p_probabilities,
    use=without_autograd,
    check=_check_top_p,
    hints=(
        "Sort each row, the likeliest first, and add up from there. Which token is the last that is needed to reach p?",
        "A token stays if those likelier than it do not hold p yet: `cumsum` minus the token's own probability, < p. "
        "For the first one that sum is 0, so it always stays.",
        "`sort` gives values and places. `torch.zeros_like(kept).scatter(1, places, kept)` puts them back where they "
        "came from; divide each row by its sum.",
    ),
    mutants=(
        Mutant(
            _with(lambda d, p: d.cumsum(-1) <= p),
            "the token with which the sum reaches p was dropped; then less than p is left, and with a small p nothing",
        ),
        Mutant(
            _with(_below_p_but_one),
            "the token with which the sum reaches p was dropped: with it the kept ones hold at least p",
        ),
        Mutant(
            _with(_right, lambda z, T: z, lambda kept, T: kept ** (1 / T)),
            "the tail was cut before the temperature: divide first, then see which tokens hold p",
        ),
        Mutant(_with(_right, lambda z, T: z * T), "the logits were multiplied by the temperature: divide by it"),
        Mutant(_with(_right, lambda z, T: z), "the temperature is not used"),
        Mutant(_not_divided, "the rest no longer adds up to 1: divide each row by its sum"),
        Mutant(_sorted, "the probabilities are still sorted: put each one back at its token's place"),
        Mutant(
            _gathered,
            "`gather` with the places of a sort does not undo it: `scatter` writes each value where it came from",
        ),
        Mutant(_rare, "the unlikely ones were kept: sort with descending=True"),
        Mutant(_with(lambda d, p: d >= p), "each token was compared with p: what counts is what they hold together"),
        Mutant(
            _with(lambda d, p: torch.arange(d.shape[-1]) < max(1, round(p * d.shape[-1]))),
            "a fixed number of tokens was kept: that is top-k; how many hold p differs from text to text",
        ),
        Mutant(_whole_batch, "the whole batch was sorted at once: each text has probabilities of its own"),
        Mutant(
            _softmax_of_zeros,
            "a logit of 0 is not a probability of 0: mask with -inf before the softmax, or zero the probabilities",
        ),
        Mutant(
            lambda logits, p, temperature: torch.nn.functional.one_hot(logits.argmax(-1), logits.shape[-1]).float(),
            "the likeliest token alone: that is the greedy choice, whatever p is",
        ),
        Mutant(lambda logits, p, temperature: (logits / temperature).softmax(-1), "p is not used: nothing was cut off"),
    ),
)
