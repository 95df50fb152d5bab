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


def causal_mask(tokens: int) -> Tensor:
    """Return (T, T): -inf above the diagonal, so that no token sees one that comes after it."""
    return torch.full((tokens, tokens), -torch.inf).triu(diagonal=1)


class Attention(nn.Module):
    """Multi-head attention: ``heads`` small attentions side by side, each over ``width / heads`` numbers.

    Args:
        width: D, the length of a token's vector.
        heads: K; must divide the width.
        causal: hide later tokens (text) or show all (pictures).

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
            mask: (B, 1, 1, T) or (B, 1, T, T), True where a token may be seen.
            query: (B, Q, D) who asks, where that is not every token of ``x``; the result is then (B, Q, D).
        """
        D = x.shape[-1]
        if query is None:
            parts = self.qkv(x).split(D, dim=-1)  # three times (B, T, D)
        else:
            ask, tell = self.qkv.weight.split([D, 2 * D])
            ask_bias, tell_bias = self.qkv.bias.split([D, 2 * D])
            parts = F.linear(query, ask, ask_bias), *F.linear(x, tell, tell_bias).split(D, dim=-1)
        queries, keys, values = (part.unflatten(-1, (self.heads, D // self.heads)).transpose(1, 2) for part in parts)
        hide_later = self.causal and query is None
        heads = F.scaled_dot_product_attention(queries, keys, values, mask, is_causal=hide_later)  # (B, K, Q, D/K)
        return self.out(heads.transpose(1, 2).flatten(2))


class QuickGELU(nn.Module):
    """``x · sigmoid(1.702 x)``: an approximation of GELU that OpenAI's published CLIP weights were trained with.

    The two differ by at most 0.02, yet weights trained with one lose accuracy under the other.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the same shape."""
        return F.silu(1.702 * x) / 1.702  # silu(x) = x · sigmoid(x), in one pass over memory instead of two


def activation_layer(activation: Activation) -> nn.Module:
    """Return the bend between the two layers of an MLP, by its name in a config."""
    if activation == "quick_gelu":
        return QuickGELU()
    return nn.GELU(approximate="tanh" if activation == "gelu_tanh" else "none")


class MLP(nn.Module):
    """Two layers with a bend between them, applied to each token alone; four times as wide inside."""

    def __init__(self, width: int, activation: Activation, hidden: int | None = None) -> None:
        super().__init__()
        self.expand = nn.Linear(width, hidden or 4 * width)
        self.activation = activation_layer(activation)
        self.contract = nn.Linear(hidden or 4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, T, D) from (B, T, D)."""
        return self.contract(self.activation(self.expand(x)))


class Block(nn.Module):
    """One pre-norm transformer layer: look around (attention), then think (MLP).

    Args:
        width: D.
        heads: K.
        activation: the bend inside the MLP.
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

    def forward(self, x: Tensor, mask: Tensor | None = None, row: Tensor | None = None) -> Tensor:
        """Return (B, T, D) from (B, T, D); with ``row`` only (B, 1, D).

        Args:
            mask: (B, 1, 1, T), True where a token may be seen.
            row: (B,) the one token of each item that will be read. The LAST block of a tower that reads one token
                need not compute the others: ``test_reading_one_row_equals_computing_all``.
        """
        if row is None:
            x = x + self.attention(self.ln_1(x), mask)
        else:
            if self.attention.causal:
                mask = (torch.arange(x.shape[1], device=x.device) <= row[:, None])[:, None, None]  # (B, 1, 1, T)
            asks = x[torch.arange(len(x), device=x.device), row][:, None]  # (B, 1, D)
            x = asks + self.attention(self.ln_1(x), mask, self.ln_1(asks))
        return x + self.mlp(self.ln_2(x))


def run_blocks(blocks: Iterable[nn.Module], x: Tensor, row: Tensor) -> Tensor:
    """Return (B, D): the token ``row`` (B,) of each item of ``x`` (B, T, D) after all blocks."""
    *first, last = blocks
    for block in first:
        x = block(x)
    return last(x, row=row)[:, 0]
