"""Cross-attention: tokens of one kind look at tokens of another kind. And the MLP that follows it.

    x       (B, T, D) ───────── to_query ─▶ (B, K, T, d) ─┐
                                                          ├─ weights (B, K, T, S) ─▶ (B, T, K · d) ─ out ─▶ (B, T, D)
    source  (B, S, D_source) ── to_key_value ─▶ 2 × (B, K, S, d)

It is the attention of `clip_tutor.towers.attention`, with keys and values from elsewhere. The width d of a head is
chosen freely, so that the source may be of another width than x. As in the published code nothing here has a bias
but the LayerNorm.

Source: flamingo-pytorch ``flamingo_pytorch.py``, classes PerceiverAttention and MaskedCrossAttention, FeedForward.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clip_tutor.towers.attention import attention_weights


class CrossAttention(nn.Module):
    """Multi-head attention of some tokens to a source of others.

    Args:
        width: D, of the tokens that look.
        source_width: of the tokens that are looked at.
        heads: K.
        head_width: d, the numbers of a query, a key and a value in each head.
    """

    def __init__(self, width: int, source_width: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_query = nn.Linear(width, heads * head_width, bias=False)
        self.to_key_value = nn.Linear(source_width, 2 * heads * head_width, bias=False)
        self.out = nn.Linear(heads * head_width, width, bias=False)

    def forward(self, x: Tensor, source: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (..., T, D) from tokens (..., T, D) and a source (..., S, source_width).

        Args:
            mask: (..., T, S), True where a token may look; one that may look nowhere gets zeros.
        """
        query, key, value = self.split_heads(x, source)
        found = self._weights(query, key, mask) @ value  # (..., K, T, d)
        return self.out(found.transpose(-3, -2).flatten(-2))  # (..., T, D)

    def split_heads(self, x: Tensor, source: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the queries (..., K, T, d) of the tokens, and the keys and values (..., K, S, d) of the source."""
        key, value = self.to_key_value(source).chunk(2, dim=-1)  # (..., S, K · d)
        return self._heads(self.to_query(x)), self._heads(key), self._heads(value)

    def weights(self, x: Tensor, source: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (..., K, T, S), the attention map of each head; a row adds up to 1, or to 0 if it may look nowhere."""
        query, key, _ = self.split_heads(x, source)
        return self._weights(query, key, mask)

    def _weights(self, query: Tensor, key: Tensor, mask: Tensor | None) -> Tensor:
        if mask is None:
            return attention_weights(query, key)
        mask = mask.unsqueeze(-3)  # (..., 1, T, S)
        # With -inf, the softmax of a row that sees nothing is 0/0. With the smallest finite number it is uniform, and
        # the product makes it zero: ``test_text_ahead_of_any_image_finds_exact_zeros``.
        hidden = torch.zeros(mask.shape).to(query).masked_fill(~mask, torch.finfo(query.dtype).min)
        return attention_weights(query, key, hidden) * mask

    def _heads(self, x: Tensor) -> Tensor:
        """Return (..., K, T, d) from (..., T, K · d)."""
        return x.unflatten(-1, (self.heads, -1)).transpose(-3, -2)


class FeedForward(nn.Module):
    """LayerNorm, then two layers with a GELU between them, applied to each token alone.

    The paper has a squared ReLU there; flamingo-pytorch and OpenFlamingo have the GELU.
    """

    def __init__(self, width: int, mlp_ratio: int) -> None:
        super().__init__()
        self.ln = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, mlp_ratio * width, bias=False)
        self.fc2 = nn.Linear(mlp_ratio * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., T, D) from (..., T, D)."""
        return self.fc2(F.gelu(self.fc1(self.ln(x))))


def collect_maps(attentions: Sequence[CrossAttention], run: Callable[[], Any]) -> list[Tensor]:
    """Return the attention map of each of these layers while ``run`` runs a model that has them, in its order."""
    maps: list[Tensor] = []

    def look(attention: nn.Module, arguments: tuple[Any, ...]) -> None:
        assert isinstance(attention, CrossAttention)
        maps.append(attention.weights(*arguments))

    hooks = [attention.register_forward_pre_hook(look) for attention in attentions]
    try:
        run()
    finally:
        for hook in hooks:
            hook.remove()
    return maps
