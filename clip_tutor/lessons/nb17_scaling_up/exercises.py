"""Exercises of notebook 17, scaling up: big batches in little memory, many processes, half precision, laws, sizes."""

from collections.abc import Callable
from weakref import WeakSet

import torch
import torch.nn.functional as F

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same
from clip_tutor.lessons.nb17_scaling_up.law_exercise import LAW
from clip_tutor.lessons.nb17_scaling_up.position_exercise import POSITIONS
from clip_tutor.lessons.nb17_scaling_up.scale_exercise import SCALER

# ---------------------------------------------------------------------------------------------------------------- 17.1


def cached_gradient(
    encode: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    weight: torch.Tensor,
    images: torch.Tensor,
    texts: torch.Tensor,
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    micro_batch: int,
) -> torch.Tensor:
    """Return the gradient of loss(encode(images, weight), texts) along weight, with little memory.

    encode(images, weight) maps (n, D) to (n, E); with a graph, it has memory for micro_batch rows at a time and no
    more. weight asks for gradients; images are (B, D), texts (B, E).
    """
    parts = images.split(micro_batch)
    with torch.no_grad():  # 1. all features, without a graph
        features = torch.cat([encode(part, weight) for part in parts])  # (B, E)
    features.requires_grad_()
    (cache,) = torch.autograd.grad(loss(features, texts), features)  # 2. (B, E): the gradient along each
    total = torch.zeros_like(weight)
    for part, wanted in zip(parts, cache.split(micro_batch), strict=True):  # 3. once more, a few with a graph
        (gradient,) = torch.autograd.grad(encode(part, weight), weight, grad_outputs=wanted)
        total = total + gradient
    return total.detach()


class _Rows:
    """So many rows whose activations a graph holds; gone when the graph is."""

    def __init__(self, count: int) -> None:
        self.count = count


def _toy_tower(room: int) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return an encoder that has memory for the graphs of so many rows, all that are alive taken together."""
    alive: WeakSet[_Rows] = WeakSet()

    def encode(images: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        rows, taken = _Rows(len(images)), sum(one.count for one in alive)
        if torch.is_grad_enabled():
            alive.add(rows)
            if taken + len(images) > room:
                raise MemoryError(
                    f"a graph of {len(images)} rows beside {taken} that are kept: there is room for {room}"
                )
        with torch.autograd.graph.saved_tensors_hooks(lambda tensor: (rows, tensor), lambda held: held[1]):
            return F.normalize((images @ weight).tanh(), dim=-1)

    return encode


def _in_little_memory(answer: Callable[..., torch.Tensor], micro_batch: int, *inputs: torch.Tensor) -> torch.Tensor:
    """Return what an answer gives with a toy encoder that has memory for the graph of one micro-batch."""
    weight, images, texts = inputs
    return answer(_toy_tower(micro_batch), weight, images, texts, _toy_loss, micro_batch)


def _toy_loss(images: torch.Tensor, texts: torch.Tensor) -> torch.Tensor:
    logits, right = 10 * images @ texts.T, torch.arange(len(images))
    return (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2


def _toy_batch(B: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    weight = torch.randn(6, 4, generator=random).requires_grad_()
    texts = F.normalize(torch.randn(B, 4, generator=random), dim=-1)
    return weight, torch.randn(B, 6, generator=random), texts


def _check_cached(gradient: Attempt) -> str:
    for B, micro_batch, seed in ((12, 12, 0), (12, 4, 1), (10, 4, 2), (7, 1, 3)):
        weight, images, texts = _toy_batch(B, seed)
        value = gradient(micro_batch, weight, images, texts)
        demand(
            isinstance(value, torch.Tensor) and value.shape == weight.shape,
            f"the result is {describe(value)}",
            f"a gradient with the shape of weight, {tuple(weight.shape)}",
        )
        (right,) = torch.autograd.grad(_toy_loss(_toy_tower(B)(images, weight), texts), weight)
        cosine = F.cosine_similarity(value.flatten(), right.flatten(), dim=0)
        ratio = value.norm() / right.norm()
        demand(
            same(value.detach(), right),
            f"{B} pairs in micro-batches of {micro_batch}: a cosine of {cosine:.3f} with the whole batch's gradient, "
            f"and {ratio:.3f} times its length",
            "1.000 and 1.000",
        )
    return "the whole batch's gradient in micro-batches of 12, 4, 4 (the last one smaller) and 1, in the memory of one"


def _accumulated(encode, weight, images, texts, loss, micro_batch):  # type: ignore[no-untyped-def]
    """The sum of the micro-batches' own gradients, and how many they were."""
    parts = list(zip(images.split(micro_batch), texts.split(micro_batch), strict=True))
    gradients = [torch.autograd.grad(loss(encode(part, weight), own), weight)[0] for part, own in parts]
    return sum(gradients), len(parts)


def _whole_batch(encode, weight, images, texts, loss, micro_batch):  # type: ignore[no-untyped-def]
    return torch.autograd.grad(loss(encode(images, weight), texts), weight)[0]


def _all_graphs(encode, weight, images, texts, loss, micro_batch):  # type: ignore[no-untyped-def]
    """The right gradient of features that were encoded in parts, with the graphs of all parts kept."""
    features = torch.cat([encode(part, weight) for part in images.split(micro_batch)])
    return torch.autograd.grad(loss(features, texts), weight)[0]


def _mean_of_accumulated(*arguments):  # type: ignore[no-untyped-def]
    total, parts = _accumulated(*arguments)
    return total / parts


def _with_cache(change, combine=sum):  # type: ignore[no-untyped-def]
    """Return the right three passes, with another cache, or other sums, than the right ones."""

    def gradient(encode, weight, images, texts, loss, micro_batch):  # type: ignore[no-untyped-def]
        parts = images.split(micro_batch)
        with torch.no_grad():
            features = torch.cat([encode(part, weight) for part in parts])
        features.requires_grad_()
        cache = change(torch.autograd.grad(loss(features, texts), features)[0]).split(micro_batch)
        pieces = zip(parts, cache, strict=True)
        return combine([torch.autograd.grad(encode(p, weight), weight, grad_outputs=w)[0] for p, w in pieces])

    return gradient


CACHE = Exercise(
    id="17.1",
    title="Gradient caching",
    difficulty=3,
    minutes=20,
    reference=cached_gradient,
    check=_check_cached,
    use=_in_little_memory,
    hints=(
        "The loss needs all features at once, but no graph behind them. The graph is needed behind a few rows at a "
        "time, but no loss. What number has to travel between the two?",
        "First pass: all features under `torch.no_grad()`. Second: make them a leaf with `.requires_grad_()` and ask "
        "for the loss's gradient along the *features*. Third: encode each micro-batch again, with a graph, and push "
        "its rows of that gradient on to `weight`.",
        "`torch.autograd.grad(encode(part, weight), weight, grad_outputs=wanted)` pushes `wanted` (n, E) through the "
        "encoder. Add up what comes out.",
    ),
    mutants=(
        Mutant(_whole_batch, "all rows have a graph at once: that is the big batch, and its memory"),
        Mutant(
            _all_graphs,
            "all rows have a graph at once, those of one micro-batch after the other: that takes the big batch's "
            "memory, too. The first pass needs no graph",
        ),
        Mutant(
            _mean_of_accumulated,
            "plain accumulation: each micro-batch was scored by itself, so no image met a caption of another one. "
            "The loss must see all features",
        ),
        Mutant(
            lambda *arguments: _accumulated(*arguments)[0],
            "plain accumulation, and summed: each micro-batch was scored by itself, and the gradient grows with their "
            "number. The loss must see all features",
        ),
        Mutant(
            _with_cache(lambda cache: cache, combine=lambda pieces: pieces[-1]),
            "only the last micro-batch's gradient came back: they are to be added up",
        ),
        Mutant(
            _with_cache(lambda cache: cache, combine=lambda pieces: sum(pieces) / len(pieces)),
            "divided by the number of micro-batches: the loss is a mean over the batch already, so its parts add up",
        ),
        Mutant(
            _with_cache(torch.ones_like),
            "the encoder was pushed by ones: grad_outputs is the loss's gradient along each feature, the cache",
        ),
        Mutant(
            _with_cache(lambda cache: -cache), "the sign is turned: the gradient points up the loss, the step goes down"
        ),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 17.2


def own_gradient(gradients: list[torch.Tensor], rank: int) -> torch.Tensor:
    """Return (B, E): the gradient that flows back through a gather to the rows of process ``rank``.

    gradients holds, for each of the W processes, (N, E): the gradient of that process' own loss along all N = W · B
    gathered rows. Rows lie in the order of the ranks: the first B are process 0's.
    """
    everyone = torch.stack(gradients).sum(dim=0)  # (N, E): of all the losses
    return everyone.chunk(len(gradients))[rank]


def _check_own(gradient: Attempt) -> str:
    for W, B, rank, seed in ((2, 3, 0, 0), (2, 3, 1, 1), (3, 2, 1, 2), (4, 1, 2, 3)):
        random = torch.Generator().manual_seed(seed)
        gradients = [torch.randn(W * B, 2, generator=random) for _ in range(W)]
        value = gradient(gradients, rank)
        demand(
            isinstance(value, torch.Tensor) and value.shape == (B, 2),
            f"the result is {describe(value)}",
            f"a tensor {(B, 2)}: one gradient for each of the {B} rows of process {rank}",
        )
        right = sum(each[rank * B : (rank + 1) * B] for each in gradients)
        assert isinstance(right, torch.Tensor)
        shown = (", ".join(f"{number:.2f}" for number in row) for row in (value[0].tolist(), right[0].tolist()))
        seen, expected = shown
        demand(same(value, right), f"({seen}) for the first row of process {rank} of {W}", f"({expected})")
    return "the gradients of 2, 3 and 4 processes, added up, and of them the rows of one"


GATHER = Exercise(
    id="17.2",
    title="The way back through a gather",
    difficulty=2,
    minutes=10,
    reference=own_gradient,
    check=_check_own,
    hints=(
        "In whose losses does a caption of process 1 occur? As what?",
        "Every process compares its images with every caption. So each loss has a gradient along your rows: add them.",
        "`torch.stack(gradients).sum(dim=0)` is the gradient of all losses together; `.chunk(W)[rank]` are your rows.",
    ),
    mutants=(
        Mutant(
            lambda g, r: g[r].chunk(len(g))[r],
            "only the process' own loss was asked: the others have its rows as negatives, and so a gradient along them",
        ),
        Mutant(
            lambda g, r: torch.stack(g).mean(dim=0).chunk(len(g))[r],
            "a mean: the losses' gradients add up. The mean over processes comes later, with the weights' gradients",
        ),
        Mutant(
            lambda g, r: torch.stack(g).sum(dim=0),
            "that is everyone's rows: of the sum, each process takes back its own B",
        ),
        Mutant(
            lambda g, r: g[r],
            "that is this process' gradient along everyone's rows: the way back leads the other way, to its own rows",
        ),
        Mutant(
            lambda g, r: torch.stack(g).sum(dim=0)[r :: len(g)],
            "every W-th row was taken: rows lie process by process, the first B are process 0's",
        ),
        Mutant(
            lambda g, r: torch.stack(g).sum(dim=0).chunk(len(g))[0],
            "always the rows of process 0: take those of `rank`",
        ),
    ),
)

EXERCISES = (CACHE, GATHER, SCALER, LAW, POSITIONS)
