"""The transformer block that every transformer tower shares.

    x ──┬─ LayerNorm ─ attention ─(+)──┬─ LayerNorm ─ MLP ─(+)─▶
        └──────────────────────────┘   └────────────────────┘

"Pre-norm": each half first normalizes, then adds what it found to the stream that runs through (He et al.
2016; Radford et al. 2019). `attention` is the plain form, to read; `Attention` runs the fast one, and
``test_fast_attention_equals_plain`` holds them together.
"""

import math
from collections.abc import Iterable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Activation = Literal["gelu", "gelu_tanh", "quick_gelu"]


def attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return, for each query, the average of the values, weighted by how well their keys fit.

    Args:
        query: (..., T, D/K) one row a token; key and value likewise.
        mask: (T, T) added to the scores: 0 where a token may look, -inf where it may not.

    Returns:
        (..., T, D/K).

    Source: Vaswani et al. 2017, equation 1. The root keeps the scores' spread at 1 whatever the width.
    """
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])  # (..., T, T)
    if mask is not None:
        scores = scores + mask
    return scores.softmax(dim=-1) @ value  # (..., T, D/K)


def single_query_attention(
    query: Tensor, x: Tensor, key: tuple[Tensor, Tensor], value: tuple[Tensor, Tensor], mask: Tensor | None = None
) -> Tensor:
    """Return what a single query finds among the tokens ``x``, without making a key and a value of each of them.

    The score of token x is q·(Wx + b) = (qW)·x + q·b, so the keys' matrix is applied to the one query, not to T tokens;
    and the mean of the values is the value of the mean. For the 50 tokens of ViT-B/32 that is 28 times less work, for
    the same numbers: ``test_single_query_attention_equals_plain``.

    Args:
        query: (B, K, D/K), one for each head.
        x: (B, T, D).
        key, value: weight (D, D) and bias (D,) of the two projections.
        mask: (B, 1, T), True where a token may be seen.

    Returns:
        (B, D).
    """
    heads = query.shape[1]
    (key_weight, key_bias), (value_weight, value_bias) = (
        (weight.unflatten(0, (heads, -1)), bias.unflatten(0, (heads, -1))) for weight, bias in (key, value)
    )
    asked = torch.einsum("bkd,kde->bke", query, key_weight)  # (B, K, D) what each head looks for
    scores = asked @ x.transpose(1, 2) + (query * key_bias).sum(dim=-1, keepdim=True)  # (B, K, T)
    scores = scores / math.sqrt(query.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    found = scores.softmax(dim=-1) @ x  # (B, K, D) each head's weighted mean of the tokens
    return (torch.einsum("bke,kde->bkd", found, value_weight) + value_bias).flatten(1)  # (B, D)


def causal_mask(tokens: int) -> Tensor:
    """Return (T, T): -inf above the diagonal, so that no token sees one that comes after it."""
    return torch.full((tokens, tokens), -torch.inf).triu(diagonal=1)


class Attention(nn.Module):
    """Multi-head attention: ``heads`` small attentions side by side, each over ``width / heads`` numbers.

    Args:
        width: D, the length of a token's vector.
        heads: K; must divide the width.
        causal: hide later tokens (text) or show all (images).

    Source: Vaswani et al. 2017, section 3.2.2.
    """

    def __init__(self, width: int, heads: int, causal: bool = False) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(
                f"width {width} cannot be shared out among {heads} heads: "
                f"take {width - width % heads} or {width + heads - width % heads} instead"
            )
        self.heads, self.causal = heads, causal
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor | None = None, query: Tensor | None = None) -> Tensor:
        """Return (B, T, D) from (B, T, D).

        Args:
            mask: (B, 1, 1, T), True where a token may be seen.
            query: (B, 1, D) the one token that asks, where not every token of ``x`` does; the result is (B, 1, D).
        """
        D, K = self.out.in_features, self.heads
        if query is None:
            parts = self.qkv(x).split(D, dim=-1)  # three times (B, T, D)
            queries, keys, values = (part.unflatten(-1, (K, D // K)).transpose(1, 2) for part in parts)
            heads = F.scaled_dot_product_attention(queries, keys, values, mask, is_causal=self.causal)
            return self.out(heads.transpose(1, 2).flatten(2))  # (B, T, D)
        of_query, of_key, of_value = zip(self.qkv.weight.split(D), self.qkv.bias.split(D), strict=True)
        asked = F.linear(query[:, 0], *of_query).unflatten(-1, (K, D // K))  # (B, K, D/K)
        seen = None if mask is None else mask[:, 0]  # (B, 1, T)
        found = single_query_attention(asked, x, of_key, of_value, seen)  # (B, D)
        return self.out(found)[:, None]


class QuickGELU(nn.Module):
    """``x · sigmoid(1.702 x)``: an approximation of GELU that OpenAI's published CLIP weights were trained with.

    The two differ by at most 0.02, yet weights trained with one lose accuracy under the other.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the same shape."""
        return F.silu(1.702 * x).mul_(1 / 1.702)  # silu(x) = x · sigmoid(x), in fewer walks over memory


def activation_layer(activation: Activation) -> nn.Module:
    """Return the activation between the two layers of an MLP, by its name in a config."""
    if activation == "quick_gelu":
        return QuickGELU()
    return nn.GELU(approximate="tanh" if activation == "gelu_tanh" else "none")


class MLP(nn.Module):
    """Two layers with an activation between them, applied to each token alone; four times as wide inside."""

    def __init__(self, width: int, activation: Activation, hidden: int | None = None) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden or 4 * width)
        self.activation = activation_layer(activation)
        self.fc2 = nn.Linear(hidden or 4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, T, D) from (B, T, D)."""
        return self.fc2(self.activation(self.fc1(x)))


class Block(nn.Module):
    """One pre-norm transformer layer: look around (attention), then think (MLP).

    Args:
        width: D.
        heads: K.
        activation: the activation inside the MLP.
        causal: hide later tokens.
        mlp_width: numbers inside the MLP, 4 · D if not given.
        eps: what LayerNorm adds to the variance.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        activation: Activation,
        causal: bool = False,
        mlp_width: int | None = None,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width, eps)
        self.attention = Attention(width, heads, causal)
        self.ln_2 = nn.LayerNorm(width, eps)
        self.mlp = MLP(width, activation, mlp_width)

    def forward(self, x: Tensor, mask: Tensor | None = None, token_index: Tensor | None = None) -> Tensor:
        """Return (B, T, D) from (B, T, D); with ``token_index`` only (B, 1, D).

        Args:
            mask: (B, 1, 1, T), True where a token may be seen.
            token_index: (B,) the one token of each item that will be read. The LAST block of a tower that reads one
                token need not compute the others: ``test_reading_one_token_equals_computing_all``.
        """
        if token_index is None:
            x = x + self.attention(self.ln_1(x), mask)
        else:
            if self.attention.causal:
                earlier = torch.arange(x.shape[1], device=x.device) <= token_index[:, None]  # (B, T)
                mask = earlier[:, None, None]  # (B, 1, 1, T)
            query = x[torch.arange(len(x), device=x.device), token_index][:, None]  # (B, 1, D)
            x = query + self.attention(self.ln_1(x), mask, self.ln_1(query))
        return x + self.mlp(self.ln_2(x))


def forward_blocks(blocks: Iterable[nn.Module], x: Tensor, token_index: Tensor) -> Tensor:
    """Return (B, D): the token ``token_index`` (B,) of each item of ``x`` (B, T, D) after all blocks."""
    *first, last = blocks
    for block in first:
        x = block(x)
    return last(x, token_index=token_index)[:, 0]
