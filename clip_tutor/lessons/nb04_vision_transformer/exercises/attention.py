"""Exercises 04.2 and 04.3: attention, and several heads of it."""

import math

import torch
from torch import Tensor, nn

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same
from clip_tutor.lab.exercises.modules import demand_gradients, demand_names, in_words, random_tensor
from clip_tutor.lessons.nb04_vision_transformer.exercises.checks import use_with, where_they_differ
from clip_tutor.towers.attention import causal_mask

# ---------------------------------------------------------------------------------------------------------------- 04.2


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return (..., T, D): for each query the mean of all values, weighted by how well their keys fit it.

    query, key and value are (..., T, D), one row a token; there may be fewer queries than keys, and any number of axes
    before these two. A query's weights add up to 1: they are the softmax, over all keys, of its scores, which are its
    dot products with the keys, divided by the root of D.
    mask, if there is one, is added to the scores: 0 where a token may look, -inf where it may not.
    """
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])  # (..., T, T)
    if mask is not None:
        scores = scores + mask
    return scores.softmax(dim=-1) @ value  # (..., T, D)


def _tokens(*shape: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    query, key, value = random_tensor(3, *shape, seed=seed)
    return query, key, value


def _check_attend(attention: Attempt) -> str:
    query, key, value = _tokens(5, 4, seed=0)
    result = attention(query, key, value)
    demand(
        isinstance(result, Tensor) and result.shape == (5, 4),
        f"the result is {describe(result)}",
        "a tensor (5, 4): for each of 5 tokens a mean of values, as long as a value",
    )
    blind = attention(torch.zeros(5, 4), key, value)
    demand(
        same(blind, value.mean(dim=0).expand(5, 4)),
        f"{in_words(blind[0])} for a query of zeros, which fits all keys alike",
        f"the plain mean of the values, {in_words(value.mean(dim=0))}",
        "weights of one query add up to 1: the softmax goes along the keys, the last axis",
    )
    pair = torch.tensor([[9.0, 0.0], [0.0, 9.0]])
    result = attention(pair, pair, torch.eye(2))
    demand(
        same(result, attend(pair, pair, torch.eye(2))),
        f"{in_words(result.flatten())} for two tokens, each of which fits its own key only",
        "1.00, 0.00, 0.00, 1.00: each gets its own value",
    )
    result, right = attention(query, key, value), attend(query, key, value)
    demand(
        same(result, right),
        f"the first of 5 tokens gets {in_words(result[0], right[0])}",
        in_words(right[0], result[0]),
    )
    for shape in ((3, 2), (7, 16), (1, 8), (2, 3, 6, 4)):
        query, key, value = _tokens(*shape, seed=shape[-1])
        right, result = attend(query, key, value), attention(query, key, value)
        demand(
            same(result, right), f"other values for tokens of shape {shape}", f"{describe(right)}, by the definition"
        )
    few = attention(query[..., :1, :], key, value)
    demand(
        same(few, right[..., :1, :]),
        f"{describe(few)} for one query and six keys",
        "what that query got beside the other five: each query looks for itself",
    )
    result, right = attention(query, key, value, causal_mask(6)), attend(query, key, value, causal_mask(6))
    demand(
        same(result, right),
        f"with a mask that hides all later tokens the first one gets {in_words(result[0, 0, 0], right[0, 0, 0])}",
        f"its own value, {in_words(right[0, 0, 0], result[0, 0, 0])}: it may see nothing else",
        "the mask is added to the scores, before the softmax: e to the power of -inf is 0",
    )
    inputs = {"query": query, "key": key, "value": value}
    result = attention(*(one.requires_grad_(True) for one in inputs.values()))
    demand(result.requires_grad, "the result has lost its gradient", "one that leads back to query, key and value")
    grads = torch.autograd.grad(result.sum(), list(inputs.values()), allow_unused=True)
    cut = [name for name, grad in zip(inputs, grads, strict=True) if grad is None]
    demand(not cut, f"no gradient reaches {', '.join(cut)}", "a gradient for query, key and value")
    return "the mean for a query of zeros, equal to the library's on 5 sets of tokens, the mask, the gradients"


def _scores(q, k):  # type: ignore[no-untyped-def]
    return q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])


def _masked(scores, mask):  # type: ignore[no-untyped-def]
    return scores if mask is None else scores + mask


ATTEND = Exercise(
    id="04.2",
    title="Attention",
    difficulty=2,
    minutes=12,
    kept=True,
    reference=attend,
    check=_check_attend,
    hints=(
        "Three steps: compare, turn into weights, average. Which of them takes two of the three inputs, and which "
        "takes the third?",
        "Compare: one matrix product gives the scores (..., T, T), a row for each query, a column for each key; "
        "`key.transpose(-2, -1)` turns the keys on their side whatever stands before. Divide by the root of D.",
        "`scores.softmax(dim=-1) @ value`; and before that, if the mask is not None, `scores + mask`.",
    ),
    mutants=(
        Mutant(
            lambda q, k, v, m=None: _masked(q @ k.transpose(-2, -1), m).softmax(-1) @ v,
            "nothing divides the scores: a dot product of D numbers has a spread of about the root of D, and the "
            "softmax of such scores all but picks one token",
        ),
        Mutant(
            lambda q, k, v, m=None: _masked(q @ k.transpose(-2, -1) / q.shape[-1], m).softmax(-1) @ v,
            "divided by D itself: the spread grows with the root of D only",
        ),
        Mutant(
            lambda q, k, v, m=None: _masked(q @ k.transpose(-2, -1) / math.sqrt(q.shape[-2]), m).softmax(-1) @ v,
            "divided by the root of T, the number of tokens: it is the length of a query that makes scores large",
        ),
        Mutant(
            lambda q, k, v, m=None: _masked(_scores(q, k), m).softmax(-2) @ v,
            "the softmax goes down the columns: then the weights of one query no longer add up to 1",
        ),
        Mutant(
            lambda q, k, v, m=None: _masked(_scores(k, q), m).softmax(-1) @ v,
            "keys ask and queries answer: rows of the scores belong to the queries",
        ),
        Mutant(
            lambda q, k, v, m=None: _masked(_scores(q, k), m).softmax(-1) @ k,
            "mixed the keys: they say where to look, the values say what is found there",
        ),
        Mutant(
            lambda q, k, v, m=None: _masked(_scores(q, k), m) @ v,
            "no softmax: scores may be negative and of any size, and weights may not",
        ),
        Mutant(
            lambda q, k, v, m=None: _masked(_scores(q, k), m).softmax(-1),
            "these are the weights: the values are still to be averaged with them",
        ),
        Mutant(
            lambda q, k, v, m=None: _scores(q, k).softmax(-1) @ v,
            "the mask is never used",
        ),
        Mutant(
            lambda q, k, v, m=None: _scores(q, k).softmax(-1).mul(1 if m is None else m.exp()) @ v,
            "masked after the softmax: what the hidden tokens would have got is lost, and the rest no longer adds up "
            "to 1",
        ),
        Mutant(
            lambda q, k, v, m=None: _masked(_scores(q, k), m).softmax(-1).detach() @ v,
            "the weights are detached: then queries and keys never learn where to look",
        ),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 04.3


class MyAttention(nn.Module):
    """Multi-head self-attention: K heads side by side, each with its own D/K numbers of every query, key and value.

    Its parameters are two linear layers with bias: qkv, from D to 3·D (the query, then the key, then the value of a
    token), and out, from D to D, which mixes what the heads found.
    """

    def __init__(self, width: int, heads: int) -> None:
        """Make the layers; width is D, and heads, K, divides it."""
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def split_heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return query, key and value, each (B, K, T, D/K), of tokens (B, T, D): head k gets the k-th part of D."""
        B, T, D = x.shape
        parts = self.qkv(x).chunk(3, dim=-1)  # three times (B, T, D)
        query, key, value = (part.reshape(B, T, self.heads, D // self.heads).transpose(1, 2) for part in parts)
        return query, key, value

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (B, T, D) from (B, T, D): what the heads found side by side, through out; mask is that of attend."""
        query, key, value = self.split_heads(x)
        found = attend(query, key, value, mask)  # (B, K, T, D/K)
        return self.out(found.transpose(1, 2).flatten(2))  # (B, T, D)


def _check_attention(attention: Attempt) -> str:
    demand_names(attention, ATTENTION, (6, 2))
    x, right_use = random_tensor(2, 3, 6), ATTENTION.as_function(MyAttention)
    parts, right = attention("split_heads", (6, 2), x), right_use("split_heads", (6, 2), x)
    demand(
        isinstance(parts, tuple | list) and len(parts) == 3 and all(isinstance(part, Tensor) for part in parts),
        f"split_heads gives {describe(parts) if isinstance(parts, Tensor) else type(parts).__name__}",
        "three tensors: query, key and value",
    )
    demand(
        all(part.shape == (2, 2, 3, 3) for part in parts),
        f"query, key and value are {', '.join(describe(part) for part in parts)}",
        "each a tensor (2, 2, 3, 3): 2 images, 2 heads, 3 tokens, 3 numbers for each head",
        "heads stand before tokens, so that each head is a small attention of its own",
    )
    for name, part, right_part in zip(("query", "key", "value"), parts, right, strict=True):
        head, token = where_they_differ(part[0], right_part[0])
        demand(
            same(part, right_part),
            f"the {name} of token {token} in head {head} is {in_words(part[0, head, token])}",
            f"{in_words(right_part[0, head, token])}: the {('first', 'second')[head]} half of that token's {name}",
            "qkv gives query, key and value one after the other, each D numbers; the heads come out of the LAST axis",
        )
    for (D, K), shape in (((6, 2), (2, 3, 6)), ((8, 4), (3, 5, 8)), ((6, 1), (1, 4, 6)), ((4, 4), (2, 1, 4))):
        x = random_tensor(*shape, seed=D)
        result, right = attention("forward", (D, K), x), right_use("forward", (D, K), x)
        demand(
            isinstance(result, Tensor) and result.shape == shape,
            f"the result is {describe(result)} for tokens {shape}",
            f"a tensor {shape}: one vector for each token again",
        )
        demand(same(result, right), f"other vectors for tokens {shape} and {K} heads", "the library's, to five digits")
    x = random_tensor(2, 5, 8)
    result, right = (use("forward", (8, 2), x, causal_mask(5)) for use in (attention, right_use))
    demand(same(result, right), "other vectors with a mask", "the mask handed on to attend")
    demand_gradients(attention, (8, 2), x)
    return "names, which numbers each head sees, equal to the library's on 4 batches, the mask, the gradients"


class _Viewed(MyAttention):
    def split_heads(self, x):  # type: ignore[no-untyped-def]
        B, T, D = x.shape
        return tuple(part.reshape(B, self.heads, T, D // self.heads) for part in self.qkv(x).chunk(3, dim=-1))


class _Interleaved(MyAttention):
    def split_heads(self, x):  # type: ignore[no-untyped-def]
        return tuple(part.unflatten(-1, (-1, self.heads)).permute(0, 3, 1, 2) for part in self.qkv(x).chunk(3, dim=-1))


class _HeadsFirst(MyAttention):
    def split_heads(self, x):  # type: ignore[no-untyped-def]
        return self.qkv(x).unflatten(-1, (self.heads, 3, -1)).permute(3, 0, 2, 1, 4).unbind()


class _TokensFirst(MyAttention):
    def split_heads(self, x):  # type: ignore[no-untyped-def]
        return tuple(part.unflatten(-1, (self.heads, -1)) for part in self.qkv(x).chunk(3, dim=-1))


class _Swapped(MyAttention):
    def split_heads(self, x):  # type: ignore[no-untyped-def]
        query, key, value = super().split_heads(x)
        return key, query, value


class _FlatHeads(MyAttention):
    def forward(self, x, mask=None):  # type: ignore[no-untyped-def]
        return self.out(attend(*self.split_heads(x), mask).reshape(x.shape))


class _NoWayOut(MyAttention):
    def forward(self, x, mask=None):  # type: ignore[no-untyped-def]
        return attend(*self.split_heads(x), mask).transpose(1, 2).flatten(2)


class _WithResidual(MyAttention):
    def forward(self, x, mask=None):  # type: ignore[no-untyped-def]
        return x + super().forward(x, mask)


class _Maskless(MyAttention):
    def forward(self, x, mask=None):  # type: ignore[no-untyped-def]
        return super().forward(x)


class _FullRoot(MyAttention):
    def forward(self, x, mask=None):  # type: ignore[no-untyped-def]
        query, key, value = self.split_heads(x)
        return self.out(attend(query / math.sqrt(self.heads), key, value, mask).transpose(1, 2).flatten(2))


class _Biasless(MyAttention):
    def __init__(self, width, heads):  # type: ignore[no-untyped-def]
        super().__init__(width, heads)
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)


class _NoGradient(MyAttention):
    def split_heads(self, x):  # type: ignore[no-untyped-def]
        with torch.no_grad():
            return super().split_heads(x)


ATTENTION = Exercise(
    id="04.3",
    title="Self-attention with several heads",
    difficulty=3,
    minutes=20,
    kept=True,
    reference=MyAttention,
    use=use_with(lambda: MyAttention),
    check=_check_attention,
    hints=(
        "`self.qkv(x)` is (B, T, 3·D): which third of the last axis is the query? And which part of that is head 0's?",
        "`chunk(3, dim=-1)` gives query, key and value. Then split D into two axes, (K, D/K), with a `view`, which "
        "moves nothing. Where do the heads stand then, and where should they?",
        "`view(B, T, K, D // K)`, then `transpose(1, 2)`: (B, K, T, D/K). On the way back the same in reverse: "
        "`transpose(1, 2)`, then `flatten(2)`. Between the two stands one call of `attend`, for all heads at once.",
    ),
    mutants=(
        Mutant(
            _Viewed,
            "`view(B, K, T, D/K)` has the right shape and the wrong numbers: head 0 would get all of the first tokens, "
            "and nothing of the last ones. Split D first, then transpose",
        ),
        Mutant(_Interleaved, "each head gets every K-th number: split D into (K, D/K), in this order"),
        Mutant(_HeadsFirst, "qkv was cut into heads first: it holds all queries, then all keys, then all values"),
        Mutant(_TokensFirst, "tokens still stand before heads: that would be attention between the heads of one token"),
        Mutant(_Swapped, "query and key have changed places: qkv gives the query first"),
        Mutant(
            _FlatHeads,
            "the heads' results (B, K, T, D/K) were melted as they lie: tokens must come before heads again, and then "
            "the last two axes become one",
        ),
        Mutant(_NoWayOut, "`out` is never used: the heads' results stay apart, each in its own numbers"),
        Mutant(_WithResidual, "x is added here already: that is the block's task, in 04.5"),
        Mutant(_Maskless, "the mask is not handed on to attend"),
        Mutant(_FullRoot, "scores are divided by the root of D: one head has only D/K numbers"),
        Mutant(_Biasless, "qkv and out have biases: nn.Linear makes them unless told not to"),
        Mutant(_NoGradient, "query, key and value were made without gradients: qkv would never learn"),
    ),
)
