"""Exercise 22.3: cross-attention, each place of an image looks at all token states of a caption."""

from typing import Any

import torch
from torch import Tensor, nn

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same
from clip_tutor.lab.exercises.modules import (
    demand_gradients,
    demand_names,
    in_words,
    names_and_shapes,
    random_tensor,
    without_gradient,
)


class MyCrossAttention(nn.Module):
    """Lets each place of an image look at all token states of a caption: three linear layers without a bias.

    `to_query`: from width numbers to heads * head_width; `to_key_value`: from source_width to twice as many, keys
    first; `out`: from heads * head_width to width. Head 0 has the first head_width numbers of queries, keys and values,
    head 1 the next. Scores are divided by √head_width; the weights of a place for all T tokens add up to 1. What is
    found is returned alone: the block around this layer adds it to the places.
    """

    def __init__(self, width: int, source_width: int, heads: int, head_width: int) -> None:
        """Make the parts, for places of width numbers and states of source_width numbers."""
        super().__init__()
        self.heads, self.head_width = heads, head_width
        self.to_query = nn.Linear(width, heads * head_width, bias=False)
        self.to_key_value = nn.Linear(source_width, 2 * heads * head_width, bias=False)
        self.out = nn.Linear(heads * head_width, width, bias=False)

    def weights(self, places: Tensor, states: Tensor) -> Tensor:
        """Return (B, heads, N, T), how much N places (B, N, width) look at each of T tokens (B, T, source_width)."""
        query = self.to_query(places).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, K, N, d)
        key = self.to_key_value(states).chunk(2, dim=-1)[0].unflatten(-1, (self.heads, -1)).transpose(1, 2)
        return (query @ key.transpose(2, 3) / self.head_width**0.5).softmax(dim=-1)  # (B, K, N, T)

    def forward(self, places: Tensor, states: Tensor) -> Tensor:
        """Return (B, N, width): for each place the values of all tokens, as much as it looks at them, through `out`."""
        value = self.to_key_value(states).chunk(2, dim=-1)[1].unflatten(-1, (self.heads, -1)).transpose(1, 2)
        found = (self.weights(places, states) @ value).transpose(1, 2)  # (B, N, K, d)
        return self.out(found.flatten(2))


_CASES = (((8, 6, 2, 4), (2, 9, 5)), ((6, 10, 3, 2), (1, 4, 7)))  # arguments; B, N, T


def use_attention(kind: Any, task: str, arguments: tuple[int, ...], *inputs: Tensor) -> Any:
    """Return what is asked of a layer with known weights: its parameters, its map, what it gives, or what is stuck.

    "gradients" are the parameters that no gradient reaches, "inputs" those of places and states.
    """
    layer = kind(*arguments)
    if task == "names":
        return names_and_shapes(layer)
    for seed, (_, weights) in enumerate(sorted(layer.named_parameters())):
        weights.data.copy_(random_tensor(*weights.shape, seed=seed + 7))
    if task == "weights":
        return layer.weights(*inputs).detach()
    given = [one.clone().requires_grad_() for one in inputs] if task == "inputs" else inputs
    found = layer(*given)
    if task == "out":
        return found.detach()
    if found.requires_grad:
        found.square().sum().backward()
    if task == "gradients":
        return without_gradient(layer)
    return tuple(name for name, one in zip(("places", "states"), given, strict=True) if one.grad is None)


def _check_attention(layer: Attempt) -> str:
    reference = ATTENTION.as_function(MyCrossAttention)
    for arguments, (B, N, T) in _CASES:
        demand_names(layer, ATTENTION, arguments)
        inputs = (random_tensor(B, N, arguments[0]), random_tensor(B, T, arguments[1], seed=1))
        for task, name in (("weights", "weights(places, states)"), ("out", "forward(places, states)")):
            found, right = layer(task, arguments, *inputs), reference(task, arguments, *inputs)
            demand(
                isinstance(found, Tensor) and found.shape == right.shape,
                f"{name} gives {describe(found)} for places {tuple(inputs[0].shape)} and states "
                f"{tuple(inputs[1].shape)}",
                f"a tensor {tuple(right.shape)}",
            )
            row, wanted = found.flatten(0, -2)[0], right.flatten(0, -2)[0]
            demand(same(row, wanted), f"{name} begins with ({in_words(row, wanted)})", f"({in_words(wanted, row)})")
            demand(same(found, right), f"{name} differs in another row than the first", "that of the library")
        demand_gradients(layer, arguments, *inputs)
        cut = layer("inputs", arguments, *inputs)
        demand(
            cut == (),
            f"no gradient reaches the {' and '.join(cut)} that the layer is given",
            "a gradient for both: what comes before the layer learns through it",
            "`detach`, `no_grad` and `.data` cut a tensor off from what it was made of",
        )
    return "names and shapes, the map of each head, what is found, and gradients, for two sizes"


def _with(split=None, scale=None, softmax=None, halves=(0, 1), end=None):  # type: ignore[no-untyped-def]
    """Return a layer with another way to cut heads, to scale, to weigh, or with keys and values elsewhere."""
    split = split or (lambda x, heads: x.unflatten(-1, (heads, -1)).transpose(1, 2))
    scale = scale or (lambda scores, query: scores / query.shape[-1] ** 0.5)
    softmax = softmax or (lambda scores: scores.softmax(dim=-1))
    end = end or (lambda layer, found: layer.out(found.transpose(1, 2).flatten(2)))

    class Changed(MyCrossAttention):
        def weights(self, places, states):  # type: ignore[no-untyped-def]
            query = split(self.to_query(places), self.heads)
            key = split(self.to_key_value(states).chunk(2, dim=-1)[halves[0]], self.heads)
            return softmax(scale(query @ key.transpose(2, 3), query))

        def forward(self, places, states):  # type: ignore[no-untyped-def]
            value = split(self.to_key_value(states).chunk(2, dim=-1)[halves[1]], self.heads)
            return end(self, self.weights(places, states) @ value)

    return Changed


def _crosswise(x: Tensor, heads: int) -> Tensor:
    return x.unflatten(-1, (-1, heads)).permute(0, 3, 1, 2)


def _viewed(x: Tensor, heads: int) -> Tensor:
    B, N, D = x.shape
    return x.reshape(B, heads, N, D // heads)


class _CutInHeads(MyCrossAttention):
    def weights(self, places, states):  # type: ignore[no-untyped-def]
        query = self.to_query(places).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        key, _ = self.to_key_value(states).unflatten(-1, (self.heads, -1)).transpose(1, 2).chunk(2, dim=-1)
        return (query @ key.transpose(2, 3) / self.head_width**0.5).softmax(dim=-1)


class _Residual(MyCrossAttention):
    def forward(self, places, states):  # type: ignore[no-untyped-def]
        return places + super().forward(places, states)


class _Biased(MyCrossAttention):
    def __init__(self, width, source_width, heads, head_width):  # type: ignore[no-untyped-def]
        super().__init__(width, source_width, heads, head_width)
        self.to_query = nn.Linear(width, heads * head_width)
        self.to_key_value = nn.Linear(source_width, 2 * heads * head_width)
        self.out = nn.Linear(heads * head_width, width)


ATTENTION = Exercise(
    id="22.3",
    title="Places look at words",
    difficulty=2,
    minutes=15,
    reference=MyCrossAttention,
    use=use_attention,
    check=_check_attention,
    hints=(
        "It is the attention of notebook 04, but queries are made of one thing, keys and values of another. No mask.",
        "`self.to_key_value(states).chunk(2, dim=-1)` are keys and values, (B, T, heads * head_width) each. "
        "`unflatten(-1, (heads, -1)).transpose(1, 2)` gives each head its own numbers.",
        "The weights are `(query @ key.transpose(2, 3) / head_width ** 0.5).softmax(dim=-1)`; what is found, "
        "`weights @ value`, (B, heads, N, head_width), goes back into rows of heads * head_width.",
    ),
    mutants=(
        Mutant(
            _with(softmax=lambda scores: scores.softmax(dim=-2)),
            "the softmax runs over the places: each place shares its attention out among the tokens",
        ),
        Mutant(
            _with(softmax=lambda scores: scores.softmax(dim=1)),
            "the softmax runs over the heads: each head shares its attention out among the tokens",
        ),
        Mutant(_with(softmax=torch.sigmoid), "a sigmoid: the weights of a place have to add up to 1"),
        Mutant(_with(scale=lambda scores, query: scores), "the scores were not divided by √head_width"),
        Mutant(
            _with(scale=lambda scores, query: scores / query.shape[-1]), "divided by head_width: it is its square root"
        ),
        Mutant(
            _with(scale=lambda scores, query: scores / (query.shape[1] * query.shape[-1]) ** 0.5),
            "divided by the root of all numbers: a head's scores are sums over head_width products",
        ),
        Mutant(_with(halves=(1, 0)), "keys and values were swapped: the first half of `to_key_value` are the keys"),
        Mutant(_with(halves=(0, 0)), "the keys were used as values, too: these are the second half"),
        Mutant(
            _with(split=_crosswise, end=lambda layer, found: layer.out(found.permute(0, 2, 3, 1).flatten(2))),
            "the heads were cut crosswise: head 0 has the first head_width numbers",
        ),
        Mutant(
            _with(split=_viewed),
            "a `view` or `reshape` straight to (B, heads, N, head_width) mixes places and heads: split the last "
            "dimension first, then transpose",
        ),
        Mutant(
            _with(end=lambda layer, found: layer.out(found.flatten(1).unflatten(1, (found.shape[2], -1)))),
            "heads and places got mixed on the way back: transpose before the last two dimensions become one",
        ),
        Mutant(
            _with(softmax=lambda scores: scores[..., -1:].softmax(dim=-1).expand_as(scores) / scores.shape[-1]),
            "every token got the same weight: the scores are not used",
        ),
        Mutant(
            _with(end=lambda layer, found: layer.out(found.permute(0, 2, 3, 1).flatten(2))),
            "the heads were laid crosswise on the way back: first all numbers of head 0, then those of head 1",
        ),
        Mutant(_with(softmax=lambda scores: scores), "these are the scores: a softmax makes weights of them"),
        Mutant(_CutInHeads, "keys and values were cut out of each head: cut in two first, then into heads"),
        Mutant(_Residual, "the places were added: the block around this layer does that"),
        Mutant(_Biased, "the layers have a bias: here none has one"),
    ),
)
