"""The transformer block that every transformer tower shares.

    x ──┬─ LayerNorm ─ attention ─(+)──┬─ LayerNorm ─ MLP ─(+)─▶
        └──────────────────────────┘   └────────────────────┘

"Pre-norm": each half first normalizes, then adds what it found to the stream that runs through (He et al.
2016; Radford et al. 2019). `attention` is the plain form, to read; `Attention` runs the fast one, and
``test_fast_attention_equals_plain`` holds them together.
"""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Activation = Literal["gelu", "quick_gelu"]


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
    """Multi-head self-attention: ``heads`` small attentions side by side, each over ``width / heads`` numbers.

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

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, T, D) from (B, T, D)."""
        B, T, D = x.shape
        qkv = self.qkv(x).view(B, T, 3, self.heads, D // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # each (B, K, T, D/K)
        heads = F.scaled_dot_product_attention(query, key, value, is_causal=self.causal)
        return self.out(heads.transpose(1, 2).reshape(B, T, D))


class QuickGELU(nn.Module):
    """``x · sigmoid(1.702 x)``: an approximation of GELU that OpenAI's published CLIP weights were trained with.

    The two differ by at most 0.02, yet weights trained with one lose accuracy under the other.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the same shape."""
        return x * torch.sigmoid(1.702 * x)


class MLP(nn.Module):
    """Two layers with a bend between them, applied to each token alone; four times as wide inside."""

    def __init__(self, width: int, activation: Activation) -> None:
        super().__init__()
        self.expand = nn.Linear(width, 4 * width)
        self.activation = QuickGELU() if activation == "quick_gelu" else nn.GELU()
        self.contract = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, T, D) from (B, T, D)."""
        return self.contract(self.activation(self.expand(x)))


class Block(nn.Module):
    """One pre-norm transformer layer: look around (attention), then think (MLP)."""

    def __init__(self, width: int, heads: int, activation: Activation, causal: bool = False) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads, causal)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = MLP(width, activation)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, T, D) from (B, T, D)."""
        x = x + self.attention(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))
