"""Exercises of notebook 13, the sigmoid loss: the loss, where it starts, in parts, and around a ring."""

import math

import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same


def _pairs(B: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    images = F.normalize(torch.randn(B, 8, generator=random), dim=-1)
    texts = F.normalize(images + torch.randn(B, 8, generator=random) / 2, dim=-1)
    return images, texts


def _number(value: object) -> None:
    demand(
        isinstance(value, torch.Tensor) and value.shape == (),
        f"the result is {describe(value)}",
        "a tensor that holds one number",
        "the loss is summed over all pairs, and stays a tensor",
    )


# ---------------------------------------------------------------------------------------------------------------- 13.1


def sigmoid_loss(
    image_features: torch.Tensor, text_features: torch.Tensor, logit_scale: torch.Tensor, logit_bias: torch.Tensor
) -> torch.Tensor:
    """Return the sigmoid loss of N pairs, a scalar: the cost of all N · N answers, divided by N.

    image_features and text_features are (N, E), rows of unit length, row i belonging to row i.
    The logit of a picture and a caption is logit_scale times their cosine, plus logit_bias.
    An answer costs -log sigmoid(z · logit), where z is +1 if the two belong together and -1 if not.
    """
    N = len(image_features)
    logits = logit_scale * image_features @ text_features.T + logit_bias  # (N, N)
    z = 2 * torch.eye(N, device=logits.device) - 1  # (N, N), +1 on the diagonal, else -1
    return -F.logsigmoid(z * logits).sum() / N


def _check_loss(loss: Attempt) -> str:
    cases = [(*_pairs(B, B), torch.tensor(scale), torch.tensor(bias)) for B, scale, bias in
             ((3, 7.0, -2.0), (5, 3.0, 1.0), (6, 10.0, -1.5))]  # fmt: skip
    cases[0][0].requires_grad_()
    found = [loss(*case) for case in cases]
    for value in found:
        _number(value)
    demand(
        found[0].requires_grad,
        "the result does not remember where it came from",
        "a loss that .backward() can be called on",
        ".item(), .detach(), float() and torch.no_grad() cut the way back to the weights",
    )
    for value, case in zip(found, cases, strict=True):
        right = sigmoid_loss(*case)
        told = f"for {len(case[0])} pairs, a logit scale of {case[2]:g} and a bias of {case[3]:g}"
        demand(same(value.detach(), right.detach()), f"{value:.4f} {told}", f"{right:.4f}")
    images, texts = _pairs(4, seed=9)
    value = loss(images, texts, torch.tensor(1000.0), torch.tensor(0.0))
    demand(
        bool(value.isfinite()),
        f"{value} at a logit scale of 1,000",
        "a finite loss",
        "sigmoid(-200) is 0 in float32, and its logarithm infinite: F.logsigmoid takes both steps in one",
    )
    return "one number with a way back, finite for large logits, and equal to the library's on 3 batches"


def _loss_with(z_of, divide_by=lambda N: N, logits_of=lambda i, t, s, b: s * i @ t.T + b):  # type: ignore[no-untyped-def]
    """Return a sigmoid loss with other labels, another denominator or other logits than the right ones."""

    def loss(i, t, s, b):  # type: ignore[no-untyped-def]
        N = len(i)
        return -F.logsigmoid(z_of(N) * logits_of(i, t, s, b)).sum() / divide_by(N)

    return loss


def _z(N: int) -> torch.Tensor:
    return 2 * torch.eye(N) - 1


def _softmax(i, t, s, b):  # type: ignore[no-untyped-def]
    logits, right = s * i @ t.T + b, torch.arange(len(i))
    return (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2


def _diagonal_alone(i, t, s, b):  # type: ignore[no-untyped-def]
    return -F.logsigmoid(s * (i * t).sum(dim=1) + b).mean()


LOSS = Exercise(
    id="13.1",
    title="The sigmoid loss",
    difficulty=1,
    minutes=8,
    reference=sigmoid_loss,
    check=_check_loss,
    hints=(
        "Make the (N, N) table of logits first; do not forget the bias. Which cells are to be answered with yes?",
        "A table z with +1 on the diagonal and -1 everywhere else: `2 * torch.eye(N) - 1`.",
        "`F.logsigmoid(z * logits)`, all cells summed up, a minus in front, divided by N.",
    ),
    mutants=(
        Mutant(
            _loss_with(_z, lambda N: N * N),
            "divided by N²: a picture has one caption however large the batch, and its pull would fade",
        ),
        Mutant(_loss_with(_z, lambda N: 1), "summed and not divided: the loss has a 1/N in front"),
        Mutant(
            _loss_with(_z, logits_of=lambda i, t, s, b: s * i @ t.T),
            "logit_bias is not used: without it a newborn says yes to half of everything",
        ),
        Mutant(
            _loss_with(_z, logits_of=lambda i, t, s, b: s * (i @ t.T + b)),
            "the bias was multiplied by the scale: it is added after that",
        ),
        Mutant(
            _loss_with(torch.eye),
            "z is 0 for the wrong pairs: then they cost ln 2 whatever the model says, and are never pushed; z is -1",
        ),
        Mutant(_loss_with(lambda N: -_z(N)), "yes and no are swapped: z is +1 on the diagonal and -1 elsewhere"),
        Mutant(
            _loss_with(lambda N: torch.ones(N, N)),
            "every pair was called right: z is -1 off the diagonal",
        ),
        Mutant(
            _loss_with(_z, lambda N: -N), "the minus sign is missing: log sigmoid is below 0, and the loss is above"
        ),
        Mutant(_diagonal_alone, "only the right pairs were asked: all N · N answers have a price"),
        Mutant(_softmax, "a softmax: here no answer knows of the others, each pair is asked for itself"),
        Mutant(
            lambda i, t, s, b: -(_z(len(i)) * (s * i @ t.T + b)).sigmoid().log().sum() / len(i),
            "sigmoid and logarithm one after the other: for large logits that is infinite, F.logsigmoid is not",
        ),
        Mutant(
            lambda i, t, s, b: sigmoid_loss(i, t, s, b).item(),
            "a plain number has no gradient: leave .item() to the line that prints the loss",
        ),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 13.2


def newborn(batch_size: int) -> tuple[float, float]:
    """Return the bias that a model is to be born with, and the loss that it has then; batch_size is 2 or more.

    A newborn knows nothing: all its cosines are taken to be 0, so the bias alone is every logit.
    Of batch_size captions one belongs to a picture, so it is to say yes with a probability of 1 / batch_size.
    """
    bias = -math.log(batch_size - 1)  # sigmoid(bias) = 1 / batch_size
    says_yes = 1 / batch_size
    loss = -math.log(says_yes) - (batch_size - 1) * math.log(1 - says_yes)  # one yes a row, all others no
    return bias, loss


def _check_newborn(born: Attempt) -> str:
    sizes = (2, 8, 128, 32_768)
    found = [born(size) for size in sizes]
    for size, value in zip(sizes, found, strict=True):
        demand(
            isinstance(value, tuple) and len(value) == 2 and all(isinstance(one, (int, float)) for one in value),
            f"{value!r} for a batch of {size}",
            "two numbers: bias and loss",
        )
    for place, name in enumerate(("bias", "loss")):
        for size, value in zip(sizes, found, strict=True):
            right = newborn(size)[place]
            demand(
                math.isclose(value[place], right, rel_tol=1e-3, abs_tol=1e-6),
                f"a {name} of {value[place]:.4f} for a batch of {size:,}",
                f"{right:.4f}",
            )
    return "bias and loss for batches of 2, 8, 128 and 32,768; -10 would be right for 22,027"


def _born(bias_of, loss_of):  # type: ignore[no-untyped-def]
    def answer(N):  # type: ignore[no-untyped-def]
        return bias_of(N), loss_of(N)

    return answer


def _bias(N: int) -> float:
    return newborn(N)[0]


def _price(N: int, bias: float) -> float:
    return math.log1p(math.exp(-bias)) + (N - 1) * math.log1p(math.exp(bias))


NEWBORN = Exercise(
    id="13.2",
    title="How a model is born",
    difficulty=2,
    minutes=8,
    reference=newborn,
    check=_check_newborn,
    hints=(
        "sigmoid(b) = 1 / (1 + e^-b). For which b is that 1 / N?",
        "One row of the table: one right answer, which costs -ln of the probability of yes, and N - 1 others, which "
        "cost -ln of the probability of no. The sum over N rows is divided by N.",
        "1 + e^-b = N, so b = -ln(N - 1). The loss is ln N - (N - 1) · ln(1 - 1 / N).",
    ),
    mutants=(
        Mutant(_born(lambda N: -_bias(N), lambda N: newborn(N)[1]), "the bias has the wrong sign: no is the rule"),
        Mutant(
            _born(lambda N: -math.log(N), lambda N: newborn(N)[1]),
            "-ln N: that is the log of the probability; the odds are 1 to N - 1",
        ),
        Mutant(
            _born(lambda N: -math.log(N), lambda N: _price(N, -math.log(N))),
            "-ln N, and the loss with it: that is the log of the probability; the odds are 1 to N - 1",
        ),
        Mutant(
            _born(lambda N: -math.log(N * N - 1), lambda N: _price(N, -math.log(N * N - 1))),
            "one yes among N²: of N² answers N are yes",
        ),
        Mutant(_born(lambda N: -10.0, lambda N: _price(N, -10.0)), "-10 for all: that fits one batch size alone"),
        Mutant(_born(lambda N: 0.0, lambda N: _price(N, 0.0)), "a bias of 0: yes to half of everything"),
        Mutant(_born(_bias, lambda N: newborn(N)[1] / N), "the loss was divided by N twice, or is a mean over N²"),
        Mutant(_born(_bias, lambda N: math.log(N)), "ln N is the price of the right answers; the wrong ones cost, too"),
        Mutant(_born(_bias, lambda N: N * newborn(N)[1]), "summed over the rows: the sum is divided by N"),
        Mutant(
            _born(_bias, lambda N: math.log(N) - N * math.log(1 - 1 / N)),
            "N wrong answers a row: one of the N is the right one",
        ),
        Mutant(lambda N: newborn(N)[::-1], "the two came in the other order: bias first"),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 13.3


def loss_in_parts(
    image_features: torch.Tensor,
    text_features: torch.Tensor,
    logit_scale: torch.Tensor,
    logit_bias: torch.Tensor,
    chunk_size: int,
) -> torch.Tensor:
    """Return the sigmoid loss of N pairs without ever holding more than (chunk_size, N) logits.

    The arguments are those of sigmoid_loss; chunk_size pictures are scored at a time, and N need not be a multiple.
    """
    N = len(image_features)
    total = torch.zeros(())
    for start in range(0, N, chunk_size):
        rows = image_features[start : start + chunk_size]  # (c, E)
        logits = logit_scale * rows @ text_features.T + logit_bias  # (c, N)
        z = -torch.ones_like(logits)
        own = torch.arange(len(rows))
        z[own, start + own] = 1.0  # row 0 of this part is picture number `start`
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
    cases = [(*_pairs(N, N), scale, bias, chunk) for N, chunk in ((6, 2), (7, 3), (5, 1), (4, 10))]
    found = [loss(*case) for case in cases]
    for value, case in zip(found, cases, strict=True):
        _number(value)
        right = loss_in_parts(*case)
        told = f"for {len(case[0])} pairs, {case[4]} at a time"
        demand(same(value, right), f"{value:.4f} {told}", f"{right:.4f}, as for the whole table")
    watched, N, chunk = _Largest(), 40, 4
    with watched:
        loss(*_pairs(N, 0), scale, bias, chunk)
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
    hints=(
        "`for start in range(0, N, chunk_size)`: the pictures `image_features[start : start + chunk_size]` meet all "
        "captions.",
        "In this part row 0 is picture number `start`, so its own caption is in column `start`, that of row 1 in "
        "column `start + 1`. The last part may have fewer rows.",
        "Sum up the cost of each part, and divide by N once, at the end.",
    ),
    mutants=(
        Mutant(
            _in_parts(lambda rows, t, s, b, start: _cost(rows, t, s, b, 0)),
            "the right answers of every part were looked for in the first columns: row 0 of a part is picture `start`",
        ),
        Mutant(
            _in_parts(lambda rows, t, s, b, start: _cost(rows, t[start : start + len(rows)], s, b, 0)),
            "pictures of a part met only the captions of that part: each picture has to meet all N",
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
            "divided by N²: each picture has one caption however many others there are",
        ),
        Mutant(lambda i, t, s, b, c: loss_in_parts(i, t, s, torch.zeros(()), c), "logit_bias is not used in the parts"),
        Mutant(
            lambda i, t, s, b, c: sigmoid_loss(i, t, s, b),
            "the value is right, but the whole N × N table was made on the way: make a few rows of it at a time",
        ),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 13.4


def ring_losses(
    images: torch.Tensor, texts: torch.Tensor, logit_scale: torch.Tensor, logit_bias: torch.Tensor
) -> torch.Tensor:
    """Return (W,): what each of W processes pays for its own pictures, after all captions came by.

    images and texts are (W, B, E): row r holds the B pairs of process r, so the whole batch has W · B.
    At each of W steps a process scores its B pictures with the B captions at hand; then all captions move on by one
    process, from r to r + 1, and from the last to the first. Its own captions are at hand at step 0.
    A process adds up the cost of all its answers and divides by B; the mean over processes is the loss of the batch.
    """
    W, B, _ = images.shape
    paid = torch.zeros(W)
    at_hand = texts
    for step in range(W):
        logits = logit_scale * images @ at_hand.transpose(1, 2) + logit_bias  # (W, B, B)
        z = 2 * torch.eye(B) - 1 if step == 0 else -torch.ones(B, B)  # a stranger's captions: all of them wrong
        paid = paid - F.logsigmoid(z * logits).sum(dim=(1, 2)) / B
        at_hand = at_hand.roll(1, dims=0)  # process r + 1 gets what process r had
    return paid


def _check_ring(losses: Attempt) -> str:
    scale, bias = torch.tensor(6.0), torch.tensor(-2.0)
    cases = []
    for W, B in ((3, 2), (4, 3), (2, 4), (1, 3)):
        images, texts = _pairs(W * B, W)
        cases.append((images.reshape(W, B, 8), texts.reshape(W, B, 8), scale, bias))
    found = [losses(*case) for case in cases]
    for value, case in zip(found, cases, strict=True):
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
        right = ring_losses(*case)
        demand(same(value, right), f"{value.tolist()}", f"{right.tolist()}", "the processes changed places")
    return "the mean is the loss of the whole batch for 1 to 4 processes, and each process paid for its own pictures"


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
    return _z(B) if step == 0 else -torch.ones(B, B)


RING = Exercise(
    id="13.4",
    title="Once around the ring",
    difficulty=3,
    minutes=12,
    reference=ring_losses,
    check=_check_ring,
    hints=(
        "Begin with a tensor of the captions at hand, which is `texts` at first, and with nothing paid. "
        "How often does everybody have to score before each picture has met every caption?",
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
            _around(lambda W: W, lambda step, B: _z(B)),
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
        Mutant(lambda i, t, s, b: ring_losses(t, i, s, b), "pictures went around, and captions stayed: the other way"),
    ),
)

EXERCISES = (LOSS, NEWBORN, PARTS, RING)
