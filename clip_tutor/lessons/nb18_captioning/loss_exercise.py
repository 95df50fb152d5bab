"""Exercise 18.2: the loss of a caption behind a prefix, and the slice that goes wrong."""

import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same
from clip_tutor.lab.exercises.tried import with_gradients


def prefix_loss(logits: torch.Tensor, token_ids: torch.Tensor, end_id: int) -> torch.Tensor:
    """Return the mean cross-entropy of each token of the captions given all that stands before it: a scalar, in nats.

    logits is (B, N + T, V): what a language model says at each place of N prefix vectors and T tokens about the NEXT.
    token_ids is (B, T). A caption ends with its first end_id, and the end counts as a token like any other.
    Whatever stands behind the first end_id is padding and does not count.
    """
    T = token_ids.shape[1]
    predictions = logits[:, -T - 1 : -1]  # (B, T, V)
    ends = token_ids == end_id
    counts = ends.cumsum(dim=1) <= ends.long()  # (B, T), up to the first end of each row
    return F.cross_entropy(predictions[counts], token_ids[counts])


END = 0


def captions_of(lengths: tuple[int, ...], V: int, seed: int) -> Tensor:
    """Return (B, T) ids: rows of so many words, an end, and padding that is made of ends."""
    random = torch.Generator().manual_seed(seed)
    ids = torch.full((len(lengths), max(lengths) + 1), END)
    for row, length in zip(ids, lengths, strict=True):
        row[:length] = torch.randint(1, V, (length,), generator=random)
    return ids


def _case(lengths: tuple[int, ...], N: int, V: int, seed: int) -> tuple[Tensor, Tensor, int]:
    ids = captions_of(lengths, V, seed)
    logits = 2 * torch.randn(len(lengths), N + ids.shape[1], V, generator=torch.Generator().manual_seed(seed))
    return logits, ids, END


_CASES = (((3,), 2, 5), ((4, 1), 3, 6), ((2, 5, 3), 10, 7), ((3, 3), 1, 4))


def _check_loss(loss: Attempt) -> str:
    cases = [_case(*case, seed) for seed, case in enumerate(_CASES)]
    found = [loss(*case) for case in cases]
    for answer, (logits, ids, end_id) in zip(found, cases, strict=True):
        value = answer[0] if isinstance(answer, tuple) else answer
        demand(
            isinstance(value, Tensor) and value.shape == (),
            f"the result is {describe(value)}",
            "a tensor that holds one number",
        )
        right, gradient = with_gradients(prefix_loss, logits, ids, end_id)
        N, T = logits.shape[1] - ids.shape[1], ids.shape[1]
        demand(
            same(value.detach(), right),
            f"{value:.4f} for {len(ids)} caption{'s' if len(ids) > 1 else ''}, N = {N} and T = {T}",
            f"{right:.4f}",
        )
        demand(
            isinstance(answer, tuple) and answer[1] is not None,
            "the result does not remember where it came from",
            "a loss that .backward() can be called on",
            ".item(), .detach(), float() and torch.no_grad() cut the way back to the weights",
        )
        demand(same(answer[1], gradient), "the gradient at the logits is another one", "that of the mean cross-entropy")
    certain = torch.full((1, 5, 4), -50.0)
    for place, token in enumerate((0, 0, 3, 1, 0)):
        certain[0, place - 1 if place else 4, token] = 50.0
    value = loss(certain, torch.tensor([[3, 1, END]]), END)
    value = value[0] if isinstance(value, tuple) else value
    demand(value < 1e-4, f"{value:.4f} where each token was foretold with certainty", "0")
    return "four batches with prefixes of 1, 2, 3 and 10 vectors, padding, the gradient, and 0 for certain captions"


def _sliced(start, skip=0):  # type: ignore[no-untyped-def]
    """Return a loss that compares the logits from place N + start on with the tokens from ``skip`` on."""

    def loss(logits, ids, end_id):  # type: ignore[no-untyped-def]
        T = ids.shape[1]
        N = logits.shape[1] - T
        first = max(N + start, 0)
        predictions = logits[:, first : first + T - skip]
        keep = _counts(ids, end_id)[:, skip:]
        return F.cross_entropy(predictions[keep], ids[:, skip:][keep])

    return loss


def _counts(ids: Tensor, end_id: int) -> Tensor:
    ends = ids == end_id
    return ends.cumsum(dim=1) <= ends.long()


def _kept(which):  # type: ignore[no-untyped-def]
    def loss(logits, ids, end_id):  # type: ignore[no-untyped-def]
        keep = which(ids, end_id)
        return F.cross_entropy(logits[:, -ids.shape[1] - 1 : -1][keep], ids[keep])

    return loss


def _from_the_start(logits, ids, end_id):  # type: ignore[no-untyped-def]
    keep = _counts(ids, end_id)
    return F.cross_entropy(logits[:, : ids.shape[1]][keep], ids[keep])


def _a_caption_each(logits, ids, end_id):  # type: ignore[no-untyped-def]
    rows = zip(logits.split(1), ids.split(1), strict=True)
    return torch.stack([prefix_loss(*row, end_id) for row in rows]).mean()


def _added_up(logits, ids, end_id):  # type: ignore[no-untyped-def]
    return prefix_loss(logits, ids, end_id) * _counts(ids, end_id).sum()


def _padding_counts_zero(logits, ids, end_id):  # type: ignore[no-untyped-def]
    return _added_up(logits, ids, end_id) / ids.numel()


LOSS = Exercise(
    id="18.2",
    title="The prefix loss",
    difficulty=2,
    minutes=12,
    reference=prefix_loss,
    use=with_gradients,
    check=_check_loss,
    hints=(
        "Count with a prefix of two vectors and the caption `a dog end`: five places. Which place speaks of `a`, and "
        "which one of `end`? What does the last place speak of?",
        "T predictions are needed, and they end one place before the last one. For the padding: how many ends stand in "
        "a row up to and including each place? `cumsum` counts them.",
        "`ends.cumsum(dim=1) <= ends.long()` is true up to the first end of each row. A mask (B, T) picks from both: "
        "`F.cross_entropy(predictions[mask], token_ids[mask])`.",
    ),
    mutants=(
        Mutant(
            _sliced(0),
            "logits[:, N:], a place too late: there the model has read the token already, and is asked to name it. The "
            "loss will fall to almost nothing, and the model will not write a word",
        ),
        Mutant(
            _sliced(0, skip=1),
            "logits[:, N:-1] against the tokens from the second on: nobody teaches the first word, and what stands "
            "before it is the prefix alone",
        ),
        Mutant(
            _from_the_start,
            "logits[:, :T]: these are the places from the beginning, as if there were no prefix before the words",
        ),
        Mutant(_sliced(-2), "logits[:, N-2:-2], a place too early: each place would foretell the token after next"),
        Mutant(
            _kept(lambda ids, end: torch.ones_like(ids, dtype=torch.bool)),
            "the padding counts: the model would be praised for saying end after end",
        ),
        Mutant(
            _kept(lambda ids, end: ids != end),
            "no end counts, not even the first: the model would never learn to stop",
        ),
        Mutant(_a_caption_each, "a mean for each caption, and the mean of these: every token counts the same"),
        Mutant(_added_up, "the tokens were added up: the mean divides by how many counted"),
        Mutant(
            _padding_counts_zero,
            "padding costs nothing but is counted when the mean is taken: divide by the tokens that count",
        ),
        Mutant(
            lambda logits, ids, end: prefix_loss(logits.softmax(dim=-1), ids, end),
            "cross_entropy takes the softmax by itself: these were probabilities already",
        ),
        Mutant(lambda logits, ids, end: -prefix_loss(logits, ids, end), "the sign: a cross-entropy is not negative"),
        Mutant(
            lambda logits, ids, end: prefix_loss(logits.detach(), ids, end),
            "the logits were detached: the value is right, and nothing is learned from it",
        ),
    ),
)
