"""Reading one token: the same numbers as computing all of them, for a fraction of the work.

    all      x (B, T, D) ─ last block ─▶ (B, T, D) ─ pick one ─▶ (B, D)
    one      x (B, T, D) ─ pick one ─▶ (B, D) asks all tokens, and only it goes on through the MLP

A tower that is read at one token (the class token, the end token, a pool's query) needs nothing of the others from
its last layer but that they can be looked at. Each function here equals a plain form in `attention`:
``test_reading_one_token_equals_computing_all``, ``test_single_query_attention_equals_plain``.
"""

import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clip_tutor.towers.attention import Attention, PostNormBlock


def forward_blocks(blocks: Iterable[nn.Module], x: Tensor, token_index: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return (B, D): what ``blocks(x)`` has at one token of each item.

    Args:
        blocks: `Block` or `PostNormBlock`, at least one.
        x: (B, T, D).
        token_index: (B,) which token of each item is read.
        mask: (B, 1, 1, T), True where a token may be seen.
    """
    *earlier, last = blocks
    for block in earlier:
        x = block(x, mask)
    one = x[torch.arange(len(x), device=x.device), token_index]  # (B, D)
    attention: Attention = last.attention  # type: ignore[assignment]
    if attention.causal:
        mask = (torch.arange(x.shape[1], device=x.device) <= token_index[:, None])[:, None, None]  # (B, 1, 1, T)
    if isinstance(last, PostNormBlock):
        one = last.ln_1(one + attend(attention, one, x, mask))
        return last.ln_2(one + last.mlp(one))
    one = one + attend(attention, last.ln_1(one), last.ln_1(x), mask)  # type: ignore[operator]
    return one + last.mlp(last.ln_2(one))  # type: ignore[operator]


def attend(attention: Attention, one: Tensor, x: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return (B, D): what a single token ``one`` (B, D) finds when it alone asks the tokens ``x`` (B, T, D).

    Args:
        mask: (B, 1, 1, T), True where a token may be seen.
    """
    of_query, of_key, of_value = zip(attention.qkv.weight.chunk(3), attention.qkv.bias.chunk(3), strict=True)
    query = F.linear(one, *of_query).unflatten(-1, (attention.heads, -1))  # (B, K, D/K)
    return attention.out(single_query_attention(query, x, of_key, of_value, mask))


def single_query_attention(
    query: Tensor, x: Tensor, key: tuple[Tensor, Tensor], value: tuple[Tensor, Tensor], mask: Tensor | None = None
) -> Tensor:
    """Return what a single query finds among the tokens ``x``, without making a key and a value of each of them.

    The score of token x is q·(Wx + b) = (qW)·x + q·b, so the keys' matrix is applied to the one query, not to T tokens;
    and the mean of the values is the value of the mean. For the 50 tokens of ViT-B/32 that is 28 times less work.

    Args:
        query: (B, K, D/K), one for each head.
        x: (B, T, D).
        key, value: weight (D, D) and bias (D,) of the two projections.
        mask: (B, 1, 1, T), True where a token may be seen.

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
        scores = scores.masked_fill(~mask[:, 0], -torch.inf)
    found = scores.softmax(dim=-1) @ x  # (B, K, D) each head's weighted mean of the tokens
    return (torch.einsum("bke,kde->bkd", found, value_weight) + value_bias).flatten(1)  # (B, D)
