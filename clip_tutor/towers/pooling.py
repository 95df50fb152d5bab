"""How many vectors become one: by their mean, or by attention.

    mean       (B, D, H, W) ─ mean over H and W ───────────────────────────────────▶ (B, D) ─ projection ─▶ (B, E)
    attention  (B, D, H, W) ─ tokens, their mean in front ─ the mean is the query ─▶ (B, D) ─ projection ─▶ (B, E)
    MAP        (B, N, D) ─ a learned token is the query ─▶ (B, D) ─(+ LayerNorm, MLP)─▶ (B, D)

A mean weighs every place alike; a query picks out what it is looking for.
"""

import math

import torch
from torch import Tensor, nn

from clip_tutor.towers.attention import MLP, Activation, Attention
from clip_tutor.towers.single_query import attend, single_query_attention


class MeanPool(nn.Module):
    """The mean of all places, and a projection: how classifiers end. Source: He et al. 2016, section 3.3."""

    def __init__(self, width: int, embed_dim: int) -> None:
        super().__init__()
        self.projection = nn.Linear(width, embed_dim)

    def forward(self, feature_map: Tensor) -> Tensor:
        """Return (B, E) from (B, D, H, W)."""
        return self.projection(feature_map.mean(dim=(2, 3)))


class AttentionPool(nn.Module):
    """One layer of attention with a single query: the mean of all places.

    Args:
        width: D, the length of a token's vector.
        heads: K; must divide the width.
        tokens: N, the number of places in the map.
        embed_dim: E.

    Source: Radford et al. 2021, section 2.4; openai/CLIP ``clip/model.py``, class AttentionPool2d.
    """

    def __init__(self, width: int, heads: int, tokens: int, embed_dim: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(
                f"width {width} cannot be shared out among {heads} heads: CLIP takes one head for every 64, "
                f"here {max(1, width // 64)}"
            )
        self.heads = heads
        self.pos_embed = nn.Parameter(torch.randn(1 + tokens, width) / math.sqrt(width))
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, embed_dim)
        for layer in (self.query, self.key, self.value, self.out):
            nn.init.normal_(layer.weight, std=width**-0.5)

    def forward(self, feature_map: Tensor) -> Tensor:
        """Return (B, E) from (B, D, H, W) with H·W = N.

        There is only one query, so `single_query_attention` does the rest: ``test_one_query_equals_full_attention``.
        """
        x = feature_map.flatten(2).transpose(1, 2)  # (B, N, D)
        x = torch.cat([x.mean(dim=1, keepdim=True), x], dim=1) + self.pos_embed  # (B, 1+N, D)
        query = self.query(x[:, 0]).unflatten(-1, (self.heads, -1))  # (B, K, D/K)
        key, value = (self.key.weight, self.key.bias), (self.value.weight, self.value.bias)
        return self.out(single_query_attention(query, x, key, value))  # (B, E)


class MAPHead(nn.Module):
    """Multi-head attention pooling: a learned token, the probe, is the query; the image's tokens are keys and values.

    Args:
        width: D, of the tokens and of the result.
        heads: K; must divide the width.
        activation: the activation inside the MLP.
        mlp_width: numbers inside the MLP, 4 · D if not given.
        eps: what LayerNorm adds to the variance.

    Source: Lee et al. 2019 (Set Transformer), section 3.2; google-research/big_vision ``models/vit.py``.
    """

    def __init__(
        self, width: int, heads: int, activation: Activation, mlp_width: int | None = None, eps: float = 1e-6
    ) -> None:
        super().__init__()
        self.probe = nn.Parameter(torch.empty(width))
        nn.init.xavier_uniform_(self.probe[None])
        self.attention = Attention(width, heads)
        self.ln = nn.LayerNorm(width, eps)
        self.mlp = MLP(width, activation, mlp_width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (B, D) from (B, N, D).

        Args:
            mask: (B, 1, 1, N), True where a token may be seen.
        """
        found = attend(self.attention, self.probe.expand(len(x), -1), x, mask)  # (B, D)
        return found + self.mlp(self.ln(found))
