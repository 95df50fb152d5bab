"""Reading one token: the same numbers as computing all of them."""

import pytest
import torch
from torch import nn

from clip_tutor.towers.attention import Attention, Block, PostNormBlock, attention
from clip_tutor.towers.single_query import attend, forward_blocks


@pytest.mark.parametrize("causal", [False, True])
def test_reading_one_token_equals_computing_all(causal):
    torch.manual_seed(0)
    blocks = nn.Sequential(*(Block(24, 3, "gelu", causal) for _ in range(3)))
    x, row = torch.randn(4, 7, 24), torch.tensor([0, 6, 3, 4])
    expected = blocks(x)[torch.arange(4), row]
    torch.testing.assert_close(forward_blocks(blocks, x, row), expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("kind", [Block, PostNormBlock])
def test_reading_one_token_equals_computing_all_behind_a_mask(kind):
    torch.manual_seed(0)
    block = (24, 3, "gelu") if kind is Block else (24, 3, 96, 1e-12)
    blocks, x = [kind(*block) for _ in range(3)], torch.randn(4, 7, 24)
    mask = (torch.arange(7) < torch.tensor([[3], [7], [5], [1]]))[:, None, None]  # (B, 1, 1, T)
    expected = x
    for layer in blocks:
        expected = layer(expected, mask)
    row = torch.tensor([0, 6, 3, 0])
    torch.testing.assert_close(forward_blocks(blocks, x, row, mask), expected[torch.arange(4), row])


@pytest.mark.parametrize("seen", [None, 4])
def test_single_query_attention_equals_plain(seen):
    torch.manual_seed(0)
    layer, x, asks = Attention(24, 3), torch.randn(2, 7, 24), torch.randn(2, 1, 24)
    query, key, value = layer.qkv(torch.cat([asks, x], dim=1)).split(24, dim=-1)
    heads = [
        attention(query[:, :1, k : k + 8], key[:, 1:, k : k + 8][:, :seen], value[:, 1:, k : k + 8][:, :seen])
        for k in range(0, 24, 8)
    ]
    mask = None if seen is None else (torch.arange(7) < seen).expand(2, 1, 1, 7)
    torch.testing.assert_close(
        attend(layer, asks[:, 0], x, mask)[:, None], layer.out(torch.cat(heads, dim=-1)), atol=1e-6, rtol=1e-5
    )
