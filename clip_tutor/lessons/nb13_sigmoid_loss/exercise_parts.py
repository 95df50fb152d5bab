"""Exercises 13.3 and 13.5: the sigmoid loss a few rows at a time, and around a ring of processes."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same
from clip_tutor.lab.exercises.tried import with_gradients
from clip_tutor.losses import sigmoid_loss


def pairs(B: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (B, 8) unit vectors of B images and of their captions."""
    random = torch.Generator().manual_seed(seed)
    images = F.normalize(torch.randn(B, 8, generator=random), dim=-1)
    texts = F.normalize(images + torch.randn(B, 8, generator=random) / 2, dim=-1)
    return images, texts


def demand_loss(
    loss: Attempt,
    reference: Callable[..., Tensor],
    cases: Sequence[tuple[Any, ...]],
    tell: Callable[..., str] = lambda *others: "",
) -> None:
    """Demand one number for each case, as the reference gives it, and its gradient at each tensor that went in.

    Args:
        loss: an attempt that is called by `with_gradients`.
        cases: image and text features, scale, bias, and what else the loss is given.
        tell: says in words what else it is given.
    """
    found = [loss(*case) for case in cases]
    for answer, case in zip(found, cases, strict=True):
        value = answer[0] if isinstance(answer, tuple) else answer
        demand(
            isinstance(value, Tensor) and value.shape == (),
            f"the result is {describe(value)}",
            "a tensor that holds one number",
            "the loss is summed over all pairs, and stays a tensor",
        )
        right, *wanted = with_gradients(reference, *case)
        told = f"for {len(case[0])} images and {len(case[1])} captions, {tell(*case[4:])}"
        told += f"a logit scale of {case[2]:g} and a bias of {case[3]:g}"
        demand(same(value.detach(), right), f"{value:.4f} {told}", f"{right:.4f}")
        demand(
            isinstance(answer, tuple),
            "the result does not remember where it came from",
            "a loss that .backward() can be called on",
            ".item(), .detach(), float() and torch.no_grad() cut the way back to the weights",
        )
        inputs = ("images", "captions", "logit_scale", "logit_bias")
        wrong = [name for name, one, other in zip(inputs, answer[1:], wanted, strict=True) if not same(one, other)]
        demand(
            not wrong,
            f"the value is right, and the gradient at {', '.join(wrong)} is not",
            "a gradient at all four inputs",
            "something is cut off by .detach(), .data or no_grad",
        )


def signs(N: int) -> torch.Tensor:
    """Return z, (N, N): +1 on the diagonal, else -1."""
    return 2 * torch.eye(N) - 1


# ---------------------------------------------------------------------------------------------------------------- 13.3


def loss_in_parts(
    image_features: torch.Tensor,
    text_features: torch.Tensor,
    logit_scale: torch.Tensor,
    logit_bias: torch.Tensor,
    chunk_size: int,
) -> torch.Tensor:
    """Return the sigmoid loss of N pairs without ever holding more than (chunk_size, N) logits.

    The arguments are those of sigmoid_loss; chunk_size images are scored at a time, and N need not be a multiple.
    """
    N = image_features.shape[0]
    total = torch.zeros(())
    for start in range(0, N, chunk_size):
        rows = image_features[start : start + chunk_size]  # (c, E)
        logits = logit_scale * rows @ text_features.T + logit_bias  # (c, N)
        z = -torch.ones_like(logits)
        own = torch.arange(len(rows))
        z[own, start + own] = 1.0  # row 0 of this part is image number `start`
        total = total - F.logsigmoid(z * logits).sum()
    return total / N


class _Largest(TorchDispatchMode):
    """Notes how many numbers the largest tensor has that comes into being."""

    numbers = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        result = function(*args, **(kwargs or {}))
        for one in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(one, torch.Tensor):
                self.numbers = max(self.numbers, one.numel())
        return result


def _check_parts(loss: Attempt) -> str:
    scale, bias = torch.tensor(6.0), torch.tensor(-2.0)
    cases = [(*pairs(N, N), scale, bias, chunk) for N, chunk in ((6, 2), (7, 3), (5, 1), (4, 10))]
    demand_loss(loss, loss_in_parts, cases, lambda chunk: f"{chunk} at a time, ")
    watched, N, chunk = _Largest(), 40, 4
    with watched:
        loss(*pairs(N, 0), scale, bias, chunk)
    demand(
        watched.numbers <= max(chunk * N, 8 * N),
        f"a tensor of {watched.numbers:,} numbers was made, for {N} pairs and {chunk} at a time",
        f"none larger than {chunk} × {N}, or than the vectors themselves, {N} × 8",
        "the whole N × N table was made on the way",
    )
    return "the same loss in parts of any size, with a rest or without, and no tensor larger than chunk_size × N"


def _in_parts(cost, rest=True):  # type: ignore[no-untyped-def]
    """Return a loss in parts of ``cost(rows, t, s, b, start)`` each; without ``rest`` the last one is dropped."""

    def loss(i, t, s, b, c):  # type: ignore[no-untyped-def]
        N = len(i)
        starts = [start for start in range(0, N, c) if rest or start + c <= N]
        return sum((cost(i[start : start + c], t, s, b, start) for start in starts), torch.zeros(())) / N

    return loss


def _cost(rows, t, s, b, start):  # type: ignore[no-untyped-def]
    return _priced(s * rows @ t.T + b, start)


def _priced(logits: torch.Tensor, start: int) -> torch.Tensor:
    """Return the cost, summed, of (c, N) answers if row 0 belongs to column ``start``."""
    z = -torch.ones_like(logits)
    own = torch.arange(len(logits))
    z[own, start + own] = 1.0
    return -F.logsigmoid(z * logits).sum()


def _mean_of_means(i, t, s, b, c):  # type: ignore[no-untyped-def]
    parts = [_cost(i[n : n + c], t, s, b, n) / len(i[n : n + c]) for n in range(0, len(i), c)]
    return torch.stack(parts).mean()


PARTS = Exercise(
    id="13.3",
    title="Never the whole table",
    difficulty=2,
    minutes=10,
    reference=loss_in_parts,
    check=_check_parts,
    use=with_gradients,
    hints=(
        "`for start in range(0, N, chunk_size)`: the images `image_features[start : start + chunk_size]` meet all "
        "captions.",
        "In this part row 0 is image number `start`, so its own caption is in column `start`, that of row 1 in "
        "column `start + 1`. The last part may have fewer rows.",
        "Sum up the cost of each part, and divide by N once, at the end.",
    ),
    mutants=(
        Mutant(
            _in_parts(lambda rows, t, s, b, start: _cost(rows, t, s, b, 0)),
            "the right answers of every part were looked for in the first columns: row 0 of a part is image `start`",
        ),
        Mutant(
            _in_parts(lambda rows, t, s, b, start: _cost(rows, t[start : start + len(rows)], s, b, 0)),
            "images of a part met only the captions of that part: each image has to meet all N",
        ),
        Mutant(_in_parts(_cost, rest=False), "the last part was dropped: N need not be a multiple of chunk_size"),
        Mutant(
            _mean_of_means,
            "the mean of the parts' means: a last part with fewer rows then counts too much; sum first, divide once",
        ),
        Mutant(lambda i, t, s, b, c: loss_in_parts(i, t, s, b, c) * len(i), "not divided: the loss has a 1/N in front"),
        Mutant(
            lambda i, t, s, b, c: loss_in_parts(i, t, s, b, c) * len(i) / min(c, len(i)),
            "divided by chunk_size: the denominator is N, the pairs of the whole batch",
        ),
        Mutant(
            lambda i, t, s, b, c: loss_in_parts(i, t, s, b, c) / len(i),
            "divided by N²: each image has one caption however many others there are",
        ),
        Mutant(lambda i, t, s, b, c: loss_in_parts(i, t, s, torch.zeros(()), c), "logit_bias is not used in the parts"),
        Mutant(
            lambda i, t, s, b, c: loss_in_parts(i, t.detach(), s, b, c),
            "the captions were detached: the value is right, and the text encoder learns nothing from it",
        ),
        Mutant(
            lambda i, t, s, b, c: sigmoid_loss(i, t, s, b),
            "the value is right, but the whole N × N table was made on the way: make a few rows of it at a time",
        ),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 13.5


def ring_losses(
    images: torch.Tensor, texts: torch.Tensor, logit_scale: torch.Tensor, logit_bias: torch.Tensor
) -> torch.Tensor:
    """Return (W,): what each of W processes pays for its own images, after all captions came by.

    images and texts are (W, B, E): row r holds the B pairs of process r, so the whole batch has W · B.
    At each of W steps a process scores its B images with the B captions at hand; then all captions move on by one
    process, from r to r + 1, and from the last to the first. Its own captions are at hand at step 0.
    A process adds up the cost of all its answers and divides by B; the mean over processes is the loss of the batch.
    """
    W, B, _ = images.shape
    paid = torch.zeros(W)
    at_hand = texts
    for step in range(W):
        logits = logit_scale * images @ at_hand.transpose(1, 2) + logit_bias  # (W, B, B)
        z = 2 * torch.eye(B) - 1 if step == 0 else -torch.ones(B, B)  # captions of another process: all of them wrong
        paid = paid - F.logsigmoid(z * logits).sum(dim=(1, 2)) / B
        at_hand = at_hand.roll(1, dims=0)  # process r + 1 gets what process r had
    return paid


def _check_ring(losses: Attempt) -> str:
    scale, bias = torch.tensor(6.0), torch.tensor(-2.0)
    cases = []
    for W, B in ((3, 2), (4, 3), (2, 4), (1, 3)):
        images, texts = pairs(W * B, W)
        cases.append((images.reshape(W, B, 8), texts.reshape(W, B, 8), scale, bias))
    found = [losses(*case) for case in cases]
    for answer, case in zip(found, cases, strict=True):
        value, *gradients = answer if isinstance(answer, tuple) else (answer,)
        W, B, E = case[0].shape
        demand(
            isinstance(value, torch.Tensor) and value.shape == (W,),
            f"the result is {describe(value)} for {W} processes",
            f"a tensor of {W} numbers, one for each process",
        )
        whole = sigmoid_loss(case[0].reshape(W * B, E), case[1].reshape(W * B, E), scale, bias)
        demand(
            same(value.mean(), whole),
            f"a mean of {value.mean():.4f} over {W} processes with {B} pairs each",
            f"{whole:.4f}, the loss of {W * B} pairs in one process",
        )
        right, *wanted = with_gradients(ring_losses, *case)
        demand(same(value, right), f"{value.tolist()}", f"{right.tolist()}", "the processes changed places")
        demand(
            same(tuple(gradients), tuple(wanted)),
            "the values are right, and their gradients are not",
            "gradients at the images, the captions, the scale and the bias of every process",
            "captions that came by are learned from, too: .detach() would cut them off from their encoder",
        )
    return "the mean is the loss of the whole batch for 1 to 4 processes, and each process paid for its own images"


def _around(steps_of, z_of, divide_by=lambda W, B: B):  # type: ignore[no-untyped-def]
    def losses(images, texts, s, b):  # type: ignore[no-untyped-def]
        W, B, _ = images.shape
        paid = torch.zeros(W)
        for step in range(steps_of(W)):
            logits = s * images @ texts.roll(step, dims=0).transpose(1, 2) + b
            paid = paid - F.logsigmoid(z_of(step, B) * logits).sum(dim=(1, 2)) / divide_by(W, B)
        return paid

    return losses


def _right_z(step: int, B: int) -> torch.Tensor:
    return signs(B) if step == 0 else -torch.ones(B, B)


RING = Exercise(
    id="13.5",
    title="Once around the ring",
    difficulty=3,
    minutes=12,
    reference=ring_losses,
    check=_check_ring,
    kind="further",
    use=with_gradients,
    hints=(
        "Begin with a tensor of the captions at hand, which is `texts` at first, and with nothing paid. "
        "How often does everybody have to score before each image has met every caption?",
        "At step 0 the captions are one's own: yes on the diagonal. At all others they belong to someone else, and "
        "every answer is no.",
        "`logit_scale * images @ at_hand.transpose(1, 2) + logit_bias` is (W, B, B); `at_hand.roll(1, dims=0)` hands "
        "all captions on.",
    ),
    mutants=(
        Mutant(
            _around(lambda W: 1, _right_z), "nothing was handed on: each process knows only its own captions, and stays"
        ),
        Mutant(
            _around(lambda W: max(1, W - 1), _right_z),
            "one hand-over too few: W processes score W times, and hand on W - 1 times in between",
        ),
        Mutant(
            _around(lambda W: W + 1, _right_z),
            "one step too many: after W hand-overs one's own captions are back, and were scored a second time as wrong",
        ),
        Mutant(
            _around(lambda W: W, lambda step, B: signs(B)),
            "a yes on the diagonal at every step: only one's own captions, at step 0, have a right answer",
        ),
        Mutant(
            _around(lambda W: W, lambda step, B: -torch.ones(B, B)),
            "no step has a right answer: at step 0 the diagonal is yes",
        ),
        Mutant(
            _around(lambda W: W, _right_z, lambda W, B: W * B),
            "divided by all W · B pairs: each process divides by its own B, and the mean over processes does the rest",
        ),
        Mutant(_around(lambda W: W, _right_z, lambda W, B: 1), "summed and not divided by B"),
        Mutant(
            lambda i, t, s, b: ring_losses(i, t, s, b).mean(), "the mean was taken already: return one number a process"
        ),
        Mutant(
            lambda i, t, s, b: ring_losses(i, t.detach(), s, b),
            "the captions were detached: those that came by are learned from, too",
        ),
        Mutant(lambda i, t, s, b: ring_losses(t, i, s, b), "images went around, and captions stayed: the other way"),
    ),
)
