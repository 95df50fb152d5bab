"""Exercises 15.2 and 15.4: the least loss that noise leaves, and label smoothing, which is the belief in such noise."""

import math

import torch
import torch.nn.functional as F

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same
from clip_tutor.lab.exercises.tried import with_gradients

# ---------------------------------------------------------------------------------------------------------------- 15.2


def noise_floor(share: float, batch_size: int) -> tuple[float, float]:
    """Return the least loss, in nats, that a perfect model can have, and the gap of logits that reaches it.

    In a batch of ``batch_size`` pairs a ``share`` of the captions changed places with each other. The model knows which
    caption describes which image. It does not know which pairs were exchanged. So each image has one caption whose
    logit is higher than all others, by the gap; with probability 1 - share it is the one that the loss calls right, and
    otherwise the loss calls right one of the batch_size - 1 others. A share of 0 has a gap of math.inf, a share of 1
    has one of -math.inf.
    """
    others = batch_size - 1
    if share == 0:
        return 0.0, math.inf
    if share == 1:
        return math.log(others), -math.inf
    loss = -(1 - share) * math.log(1 - share) - share * math.log(share / others)
    return loss, math.log((1 - share) * others / share)


_CASES = ((0.5, 64), (0.1, 64), (0.25, 8), (0.75, 64), (0.4, 16384), (0.5, 2), (0.9, 5), (0.0, 64), (1.0, 64))


def paid(share: float, batch_size: int, gap: torch.Tensor) -> torch.Tensor:
    """Return the loss of the perfect model at each of several gaps."""
    above = torch.log1p((batch_size - 1) * (-gap).exp())  # of the caption that stands out
    return above + share * gap


def _check_floor(floor: Attempt) -> str:
    gaps = torch.linspace(-12, 30, 84_001, dtype=torch.float64)
    for share, batch_size in _CASES:
        found = floor(share, batch_size)
        demand(
            isinstance(found, tuple) and len(found) == 2,
            f"the result is {describe(found)}",
            "a tuple of two numbers: the loss and the gap",
        )
        loss, gap = (float(number) for number in found)
        right = noise_floor(share, batch_size)
        told = f"for a share of {share:.0%} in batches of {batch_size:,}"
        if 0 < share < 1:
            tried = paid(share, batch_size, gaps)
            least, at = tried.min().item(), gaps[tried.argmin()].item()
            expected = f"{least:.4f} at a gap of {at:.2f}, the best of 84,001 gaps that the check tried"
        else:
            expected = f"{right[0]:.4f} at a gap of {right[1]}"
        demand(math.isclose(loss, right[0], rel_tol=1e-4, abs_tol=1e-6), f"a loss of {loss:.4f} {told}", expected)
        demand(
            gap == right[1] or math.isclose(gap, right[1], rel_tol=1e-3, abs_tol=1e-3),
            f"the loss is right, and the gap is {gap:.3f} {told}",
            expected,
        )
    return f"the least loss and its gap for {len(_CASES)} cases, each as good as the best of 84,001 gaps"


def _with_gap(loss, gap):  # type: ignore[no-untyped-def]
    def floor(share, batch_size):  # type: ignore[no-untyped-def]
        if share in (0, 1):
            return noise_floor(share, batch_size)
        return loss(share, batch_size), gap(share, batch_size)

    return floor


def _entropy(p: float) -> float:
    return -p * math.log(p) - (1 - p) * math.log(1 - p)


def _loss(p: float, B: int) -> float:
    return noise_floor(p, B)[0]


def _gap(p: float, B: int) -> float:
    return noise_floor(p, B)[1]


FLOOR = Exercise(
    id="15.2",
    title="The floor that noise leaves",
    difficulty=3,
    minutes=12,
    reference=noise_floor,
    check=_check_floor,
    hints=(
        "Say that the softmax gives probability q to the caption that stands out. What do the others get each? What is "
        "paid if the one that stands out is right, and what if one of the others is?",
        "The expected loss is −(1 − p) ln q − p ln((1 − q)/(B − 1)). For which q is it least? Set its derivative to 0.",
        "q = 1 − p: the best that a model can do is to believe in a caption as often as captions are right. The gap is "
        "the logarithm of q over what each other has.",
    ),
    mutants=(
        Mutant(
            _with_gap(lambda p, B: p * math.log(B), _gap),
            "ln B would be paid for an exchanged pair if all its captions looked alike; here the caption that "
            "describes the image is in the batch, stands out, and is called wrong",
        ),
        Mutant(
            _with_gap(lambda p, B: _entropy(p), _gap),
            "that is what it costs not to know *whether* a pair was exchanged; which of the B − 1 others is called "
            "right is not known either",
        ),
        Mutant(
            _with_gap(lambda p, B: p * math.log(B - 1), _gap), "not to know whether a pair was exchanged costs, too"
        ),
        Mutant(
            _with_gap(lambda p, B: _entropy(p) + p * math.log(B), lambda p, B: math.log((1 - p) * B / p)),
            "an exchanged pair has one of B − 1 captions, not of B: it is not the one that stands out",
        ),
        Mutant(
            _with_gap(lambda p, B: _loss(p, B) / math.log(2), _gap), "in bits: the loss is in nats, so take math.log"
        ),
        Mutant(_with_gap(_loss, lambda p, B: math.log((1 - p) / p)), "the 1 − q is shared by B − 1 others: divide it"),
        Mutant(_with_gap(_loss, lambda p, B: -_gap(p, B)), "the other way round: the one that stands out is higher"),
        Mutant(
            _with_gap(lambda p, B: _loss(1 - p, B), lambda p, B: _gap(1 - p, B)),
            "the share is that of the exchanged captions, not that of the others",
        ),
        Mutant(
            lambda p, B: (2 * noise_floor(p, B)[0], noise_floor(p, B)[1]),
            "both directions were added up: the loss is their mean",
        ),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 15.4


def smoothed_loss(
    image_features: torch.Tensor, text_features: torch.Tensor, logit_scale: torch.Tensor, smoothing: float
) -> torch.Tensor:
    """Return the contrastive loss of B pairs with label smoothing, a scalar: the mean of both directions.

    image_features and text_features are (B, E), rows of unit length, row i belonging to row i. The logits are their
    cosines times logit_scale. Of what each of B answers should get, 1 - smoothing goes to the right one, and
    ``smoothing`` is spread evenly over all B, the right one included.
    """
    table = logit_scale * (image_features @ text_features.T)  # (B, B)
    B = len(table)
    weights = (1 - smoothing) * torch.eye(B, device=table.device) + smoothing / B  # (B, B)
    by_image = -(weights * table.log_softmax(dim=1)).sum(dim=1).mean()
    by_text = -(weights * table.log_softmax(dim=0)).sum(dim=0).mean()
    return (by_image + by_text) / 2


def _pairs(B: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    images = F.normalize(torch.randn(B, 8, generator=random), dim=-1)
    return images, F.normalize(images + torch.randn(B, 8, generator=random), dim=-1)


def _check_smoothed(loss: Attempt) -> str:
    cases = ((6, 5.0, 0.1), (9, 14.0, 0.3), (3, 8.0, 0.0), (16, 100.0, 0.1))
    for B, scale, smoothing in cases:
        inputs = (*_pairs(B, B), torch.tensor(scale), smoothing)
        answer = loss(*inputs)
        value = answer[0] if isinstance(answer, tuple) else answer
        demand(
            isinstance(value, torch.Tensor) and value.shape == (),
            f"the result is {describe(value)}",
            "a tensor that holds one number",
        )
        right, *wanted = with_gradients(smoothed_loss, *inputs)
        told = f"for {B} pairs, a logit scale of {scale:g} and a smoothing of {smoothing:g}"
        demand(same(value.detach(), right), f"{value:.4f} {told}", f"{right:.4f}")
        demand(
            isinstance(answer, tuple) and all(map(same, answer[1:], wanted)),
            "the value is right, and its gradient is not",
            "a gradient at the images, the captions and the scale",
            "something is cut off by .item(), .detach() or no_grad",
        )
    return "the loss and its gradients, with smoothing and without, at a scale of up to 100"


def _smoothed(target, by=(1, 0), total=lambda each: each.mean()):  # type: ignore[no-untyped-def]
    def loss(i, t, s, smoothing):  # type: ignore[no-untyped-def]
        logits = s * i @ t.T
        targets = target(torch.eye(len(i)), smoothing, len(i))
        return sum(total(-(targets * logits.log_softmax(dim=dim)).sum(dim=dim)) for dim in by) / len(by)

    return loss


def _right(eye, e, B):  # type: ignore[no-untyped-def]
    return (1 - e) * eye + e / B


def _smoothed_probabilities(i, t, s, smoothing):  # type: ignore[no-untyped-def]
    logits = s * i @ t.T
    both = [((1 - smoothing) * logits.softmax(dim=dim) + smoothing / len(i)).log().diagonal() for dim in (0, 1)]
    return -(both[0] + both[1]).mean() / 2


SMOOTHED = Exercise(
    id="15.4",
    title="Label smoothing",
    difficulty=2,
    minutes=8,
    reference=smoothed_loss,
    check=_check_smoothed,
    use=with_gradients,
    hints=(
        "The loss of notebook 07 asks of each row for the logarithm of one probability, the right one's. Now each of "
        "the B logarithms counts, with its share of the truth as weight. Make the (B, B) table of these weights first.",
        "Weights: smoothing / B everywhere, and 1 − smoothing more on the diagonal. Each row adds up to 1.",
        "`logits.log_softmax(dim=1)` has the logarithms along the rows, `dim=0` along the columns. Do not take the log "
        "of a softmax: at a scale of 100 it is minus infinity.",
    ),
    mutants=(
        Mutant(
            _smoothed(lambda eye, e, B: (1 - e) * eye + e / (B - 1) * (1 - eye)),
            "spread over the B − 1 wrong answers: here (and in PyTorch) the right one gets its part of it, too",
        ),
        Mutant(
            _smoothed(lambda eye, e, B: (1 - e) * eye + e / B * (1 - eye)),
            "a row of weights does not add up to 1: the right one has 1 − smoothing, and smoothing / B more",
        ),
        Mutant(_smoothed(lambda eye, e, B: eye), "the smoothing is not used"),
        Mutant(
            _smoothed(lambda eye, e, B: e * eye + (1 - e) / B), "the shares are exchanged: most goes to the right one"
        ),
        Mutant(
            _smoothed(_right, by=(1,)), "one direction only: images among captions; captions among images count as well"
        ),
        Mutant(
            _smoothed(_right, by=(0,)), "one direction only: captions among images; images among captions count as well"
        ),
        Mutant(_smoothed(_right, total=lambda each: each.sum()), "summed over the pairs: take the mean"),
        Mutant(
            lambda i, t, s, e: 2 * smoothed_loss(i, t, s, e),
            "the sum of both directions, as ALIGN's paper has it: here it is their mean",
        ),
        Mutant(
            _smoothed_probabilities,
            "the model's probabilities were smoothed: what is smoothed is the truth that they are compared with",
        ),
    ),
)
