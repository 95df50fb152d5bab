"""The transformer block that every transformer tower shares, line by line: attention, MLP, block.

    pre-norm   x ──┬─ LayerNorm ─ attention ─(+)──┬─ LayerNorm ─ MLP ─(+)─▶     CLIP, SigLIP
                   └──────────────────────────┘   └────────────────────┘
    post-norm  x ──┬─ attention ─(+)─ LayerNorm ──┬─ MLP ─(+)─ LayerNorm ─▶     BERT
                   └──────────────┘               └────────┘

A pre-norm block adds what it found to a stream that runs through all blocks untouched (He et al. 2016; Radford et al.
2019). In a post-norm block, as in the first transformers (Vaswani et al. 2017), each LayerNorm stands AFTER the
addition: no value in the stream outgrows it, but gradients must pass through all of them.
"""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Activation = Literal["gelu", "gelu_tanh", "quick_gelu", "relu"]


def attention_weights(query: Tensor, key: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return (..., T, T): how each query distributes its attention over all keys; each row adds up to 1.

    Args:
        query: (..., T, D/K), one row a token; key likewise.
        mask: (T, T) added to the scores: 0 where a token may look, -inf where it may not.

    The root keeps the scores' spread at 1 whatever the width. Source: Vaswani et al. 2017, equation 1.
    """
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])  # (..., T, T)
    if mask is not None:
        scores = scores + mask
    return scores.softmax(dim=-1)


def attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return (..., T, D/K): for each query the mean of the values, weighted by how well their keys fit it.

    The arguments are those of `attention_weights`, and one value, (..., T, D/K), for each key.
    """
    return attention_weights(query, key, mask) @ value


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

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (B, T, D) from (B, T, D).

        Args:
            mask: (B, 1, 1, T), True where a token may be seen.
        """
        query, key, value = self.split_heads(x)
        # The same as `attention`, fused into one call: ``test_fast_attention_equals_plain``.
        heads = F.scaled_dot_product_attention(query, key, value, mask, is_causal=self.causal)  # (B, K, T, D/K)
        return self.out(heads.transpose(1, 2).flatten(2))  # (B, T, D)

    def split_heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values, each (B, K, T, D/K), from (B, T, D)."""
        query, key, value = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return query, key, value

    def weights(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (B, K, T, T), the attention map of each head, which `forward` makes and throws away."""
        query, key, _ = self.split_heads(x)
        hidden = causal_mask(x.shape[1]).to(x) if self.causal else None
        if mask is not None:
            hidden = torch.zeros(mask.shape).to(x).masked_fill(~mask, -torch.inf)
        return attention_weights(query, key, hidden)


class QuickGELU(nn.Module):
    """An approximation of GELU that OpenAI's published CLIP weights were trained with.

    The two differ by at most 0.02, yet weights trained with one lose accuracy under the other.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the same shape."""
        return x * torch.sigmoid(1.702 * x)


class FusedQuickGELU(QuickGELU):
    """The same numbers in fewer passes over memory: ``test_fused_quick_gelu_equals_plain``."""

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the same shape."""
        return F.silu(1.702 * x).mul_(1 / 1.702)  # silu(x) = x · sigmoid(x)


def activation_layer(activation: Activation) -> nn.Module:
    """Return the activation between the two layers of an MLP, by its name in a config."""
    if activation == "quick_gelu":
        return FusedQuickGELU()
    if activation == "relu":
        return nn.ReLU()
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

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (B, T, D) from (B, T, D).

        Args:
            mask: (B, 1, 1, T), True where a token may be seen.
        """
        x = x + self.attention(self.ln_1(x), mask)
        return x + self.mlp(self.ln_2(x))


class PostNormBlock(nn.Module):
    """One post-norm transformer layer: look around and add, normalize; think and add, normalize."""

    def __init__(self, width: int, heads: int, mlp_width: int, eps: float) -> None:
        super().__init__()
        self.attention = Attention(width, heads)
        self.ln_1 = nn.LayerNorm(width, eps)
        self.mlp = MLP(width, "gelu", mlp_width)
        self.ln_2 = nn.LayerNorm(width, eps)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (B, T, D) from (B, T, D); ``mask`` as in `Block`."""
        x = self.ln_1(x + self.attention(x, mask))
        return self.ln_2(x + self.mlp(x))
