"""Exercises 04.7 and 04.8: a MAP head, and a single query without keys."""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same
from clip_tutor.lab.exercises.modules import demand_gradients, demand_names, in_words, random_tensor
from clip_tutor.lessons.nb04_vision_transformer.exercises.attention import MyAttention, attend
from clip_tutor.lessons.nb04_vision_transformer.exercises.block import MyMLP
from clip_tutor.lessons.nb04_vision_transformer.exercises.checks import quick_gelu, use_with

# ---------------------------------------------------------------------------------------------------------------- 04.7


class MyMAPHead(nn.Module):
    """SigLIP's attention pooling: a learned query, the probe, asks all tokens; then an MLP, added to what it found.

    Its parts are probe (D,), attention (MyAttention), ln (a LayerNorm with eps 1e-6) and mlp (MyMLP). The probe is not
    added to what it found.
    """

    def __init__(self, width: int, heads: int, activation: Callable[[Tensor], Tensor] = F.gelu) -> None:
        """Make the parts; the probe starts as random normal numbers times 1/√D."""
        super().__init__()
        self.probe = nn.Parameter(width**-0.5 * torch.randn(width))
        self.attention, self.mlp = MyAttention(width, heads), MyMLP(width, activation)
        self.ln = nn.LayerNorm(width, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, D) from tokens (B, N, D), among which there is no class token."""
        query, _, _ = self.attention.split_heads(self.probe.expand(len(x), 1, -1))  # (B, K, 1, D/K)
        _, key, value = self.attention.split_heads(x)  # (B, K, N, D/K)
        found = attend(query, key, value).transpose(1, 2).flatten(1)  # (B, D)
        found = self.attention.out(found)
        return found + self.mlp(self.ln(found))


def _check_map(head: Attempt) -> str:
    demand_names(head, MAP_HEAD, (6, 2))
    right_use = MAP_HEAD.as_function(MyMAPHead)
    for arguments, shape in (((6, 2), (2, 4, 6)), ((8, 4), (3, 1, 8)), ((8, 1, quick_gelu), (1, 7, 8))):
        x = random_tensor(*shape, seed=shape[1])
        result, right = head("forward", arguments, x), right_use("forward", arguments, x)
        demand(
            isinstance(result, Tensor) and result.shape == right.shape,
            f"the result is {describe(result)} for tokens {shape}",
            f"a tensor {tuple(right.shape)}: one vector an image",
        )
        demand(
            same(result, right), f"tokens {shape} become {in_words(result[0], right[0])}", in_words(right[0], result[0])
        )
    demand_gradients(head, (8, 2), random_tensor(2, 5, 8))
    return "names, equal to the library's on 3 batches, the gradients"


class _AddsProbe(MyMAPHead):
    def forward(self, x):  # type: ignore[no-untyped-def]
        found = self.probe + _found(self, x, x)
        return found + self.mlp(self.ln(found))


class _NoWayOut(MyMAPHead):
    def forward(self, x):  # type: ignore[no-untyped-def]
        query, _, _ = self.attention.split_heads(self.probe.expand(len(x), 1, -1))
        _, key, value = self.attention.split_heads(x)
        found = attend(query, key, value).transpose(1, 2).flatten(1)
        return found + self.mlp(self.ln(found))


class _ProbeAmongTokens(MyMAPHead):
    def forward(self, x):  # type: ignore[no-untyped-def]
        found = _found(self, x, torch.cat([self.probe.expand(len(x), 1, -1), x], dim=1))
        return found + self.mlp(self.ln(found))


class _MeanOfAll(MyMAPHead):
    def forward(self, x):  # type: ignore[no-untyped-def]
        found = self.attention(x).mean(dim=1)
        return found + self.mlp(self.ln(found)) + 0 * self.probe


class _RawProbe(MyMAPHead):
    def forward(self, x):  # type: ignore[no-untyped-def]
        _, key, value = self.attention.split_heads(x)
        query = self.probe.expand(len(x), 1, -1).unflatten(-1, (self.attention.heads, -1)).transpose(1, 2)
        found = self.attention.out(attend(query, key, value).transpose(1, 2).flatten(1))
        return found + self.mlp(self.ln(found))


class _OnlyMLP(MyMAPHead):
    def forward(self, x):  # type: ignore[no-untyped-def]
        return self.mlp(self.ln(_found(self, x, x)))


class _NoMLP(MyMAPHead):
    def forward(self, x):  # type: ignore[no-untyped-def]
        return _found(self, x, x)


def _found(head: MyMAPHead, x: Tensor, seen: Tensor) -> Tensor:
    query, _, _ = head.attention.split_heads(head.probe.expand(len(x), 1, -1))
    _, key, value = head.attention.split_heads(seen)
    return head.attention.out(attend(query, key, value).transpose(1, 2).flatten(1))


MAP_HEAD = Exercise(
    id="04.7",
    title="A MAP head",
    difficulty=3,
    minutes=15,
    kind="further",
    reference=MyMAPHead,
    use=use_with(lambda: MyMAPHead),
    check=_check_map,
    hints=(
        "The probe asks, the image's tokens answer. What are query, key and value then, and how many of each?",
        "MyAttention makes all three of its input. Hand it the probe, as one token (B, 1, D), and take the query; hand "
        "it the tokens, and take key and value.",
        "`attend(query, key, value)` is (B, K, 1, D/K) then; put the heads side by side again, and mind `out`.",
    ),
    mutants=(
        Mutant(_AddsProbe, "the probe is added to what it found: here it only asks"),
        Mutant(_NoWayOut, "the attention's `out` is never used: what the heads found still has to be mixed"),
        Mutant(_ProbeAmongTokens, "the probe is among the tokens that are looked at: it only asks"),
        Mutant(_MeanOfAll, "every token asked, and the mean was taken: only the probe asks"),
        Mutant(_RawProbe, "the probe itself was taken for the query: it goes through qkv first, like any token"),
        Mutant(_OnlyMLP, "the MLP's result stands in the place of what was found: it is to be added"),
        Mutant(_NoMLP, "LayerNorm and MLP are never used"),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 04.8


def single_query_attention(query: Tensor, x: Tensor, key: nn.Linear, value: nn.Linear) -> Tensor:
    """Return (B, D): attention with a single query (B, D) for each image, over its tokens x (B, T, D).

    The token's keys would be key(x) and its values value(x), both (B, T, D); there is one head. Never make either of
    them: the result is the same, for a small part of the multiplications.
    """
    asked = query @ key.weight  # (B, D): q·(Wx + b) = (qW)·x + q·b, and q·b is the same for all tokens
    scores = (x @ asked[..., None])[..., 0] / math.sqrt(query.shape[-1])  # (B, T)
    found = (scores.softmax(dim=-1)[:, None] @ x)[:, 0]  # (B, D): the weighted mean of the tokens
    return value(found)  # weights add up to 1, so the mean of the values is the value of the mean


def _with_multiplications(function: Callable[..., Tensor], *arguments: Any) -> tuple[Tensor, int]:
    """Return what a function gives, and how many multiplications its matrix products took."""
    with FlopCounterMode(display=False) as counter:
        result = function(*arguments)
    return result, counter.get_total_flops() // 2


def _linear(D: int, seed: int) -> nn.Linear:
    layer = nn.Linear(D, D)
    with torch.no_grad():
        layer.weight.copy_(random_tensor(D, D, seed=seed))
        layer.bias.copy_(random_tensor(D, seed=seed + 1))
    return layer.requires_grad_(False)


def _check_ask(ask: Attempt) -> str:
    for B, T, D in ((2, 5, 4), (1, 1, 3), (3, 50, 16)):
        query, x, key, value = random_tensor(B, D), random_tensor(B, T, D, seed=1), _linear(D, 2), _linear(D, 4)
        result, used = ask(query, x, key, value)
        right = attend(query[:, None], key(x), value(x))[:, 0]
        demand(
            isinstance(result, Tensor) and result.shape == (B, D),
            f"the result is {describe(result)}",
            f"a tensor {(B, D)}: one vector an image",
        )
        demand(
            same(result, right),
            f"the first image gets {in_words(result[0], right[0])}",
            f"{in_words(right[0], result[0])}: what attend(query, key(x), value(x)) gives",
        )
    most = 2 * B * (D * D + T * D)
    demand(
        used <= most,
        f"{used:,} multiplications for {B} images of {T} tokens of {D} numbers",
        f"at most {most:,}: twice D·D and twice T·D an image",
        "somewhere a matrix D × D still meets all T tokens, or all B images are multiplied with each other's",
    )
    return f"equal to attention with keys and values, and {2 * B * T * D * (D + 1) / used:.0f} times less work"


def _halfway(q, x, k, v):  # type: ignore[no-untyped-def]
    scores = (x @ (q @ k.weight)[..., None])[..., 0] / math.sqrt(q.shape[-1])
    return (scores.softmax(-1)[:, None] @ v(x))[:, 0]


def _transposed(q, x, k, v):  # type: ignore[no-untyped-def]
    scores = (x @ (q @ k.weight.T)[..., None])[..., 0] / math.sqrt(q.shape[-1])
    return v((scores.softmax(-1)[:, None] @ x)[:, 0])


def _no_root(q, x, k, v):  # type: ignore[no-untyped-def]
    return v(((x @ (q @ k.weight)[..., None])[..., 0].softmax(-1)[:, None] @ x)[:, 0])


def _no_value_bias(q, x, k, v):  # type: ignore[no-untyped-def]
    return single_query_attention(q, x, k, v) - v.bias


ASK = Exercise(
    id="04.8",
    title="One query, and no keys",
    difficulty=3,
    minutes=20,
    kind="further",
    reference=single_query_attention,
    use=_with_multiplications,
    check=_check_ask,
    hints=(
        "Write down the score of one token x: q·(W x + b). Where may the brackets stand instead?",
        "(q W)·x needs W once, not T times. And what does q·b, the same number for every token, do to a softmax?",
        "The values are averaged with weights that add up to 1. Average first, and apply the matrix to the mean.",
    ),
    mutants=(
        Mutant(
            lambda q, x, k, v: attend(q[:, None], k(x), v(x))[:, 0],
            "right, and in full: each token gets a key and a value, T matrix products for each",
        ),
        Mutant(_halfway, "half of it: every token still gets a key or a value; neither is needed"),
        Mutant(
            _transposed, "the key's matrix is the wrong way round: a layer gives x @ weight.T, so q·(W x) is (q W)·x"
        ),
        Mutant(_no_root, "nothing divides the scores"),
        Mutant(_no_value_bias, "the value's bias is missing: the mean of the values has it, too"),
    ),
)
