"""The transformer block: plain, fast and published form agree, and masks hide what they should."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from clip_tutor.towers.attention import MLP, Attention, Block, FusedQuickGELU, QuickGELU, attention, causal_mask


def with_plain_attention(layer: Attention, x: torch.Tensor) -> torch.Tensor:
    """The layer's result by way of `attention`, one head after the other."""
    _, T, D = x.shape
    query, key, value = layer.qkv(x).split(D, dim=-1)
    width = D // layer.heads
    mask = causal_mask(T) if layer.causal else None
    heads = [
        attention(query[..., k : k + width], key[..., k : k + width], value[..., k : k + width], mask)
        for k in range(0, D, width)
    ]
    return layer.out(torch.cat(heads, dim=-1))


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("width", "heads", "tokens"), [(12, 1, 5), (24, 3, 7), (64, 8, 1)])
def test_fast_attention_equals_plain(causal, width, heads, tokens):
    torch.manual_seed(0)
    layer, x = Attention(width, heads, causal), torch.randn(3, tokens, width)
    torch.testing.assert_close(layer(x), with_plain_attention(layer, x), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("causal", [False, True])
def test_attention_equals_pytorchs_multi_head_attention(causal):
    torch.manual_seed(0)
    ours, theirs = Attention(24, 3, causal), nn.MultiheadAttention(24, 3, batch_first=True)
    theirs.load_state_dict(
        {
            "in_proj_weight": ours.qkv.weight,
            "in_proj_bias": ours.qkv.bias,
            "out_proj.weight": ours.out.weight,
            "out_proj.bias": ours.out.bias,
        }
    )
    x = torch.randn(2, 6, 24)
    expected, _ = theirs(x, x, x, attn_mask=causal_mask(6) if causal else None)
    torch.testing.assert_close(ours(x), expected, atol=1e-6, rtol=1e-5)


def test_plain_attention_is_a_weighted_mean_of_values():
    query, key = torch.tensor([[1.0, 0.0]]), torch.tensor([[2.0, 0.0], [0.0, 2.0]])
    value = torch.tensor([[10.0, 0.0], [0.0, 10.0]])
    first = math.exp(2 / math.sqrt(2)) / (math.exp(2 / math.sqrt(2)) + 1)
    torch.testing.assert_close(attention(query, key, value), torch.tensor([[10 * first, 10 * (1 - first)]]))


def test_plain_attention_equals_pytorchs_with_any_mask():
    torch.manual_seed(0)
    query, key, value = torch.randn(3, 2, 4, 9, 8)
    for mask in (None, causal_mask(9), torch.randn(9, 9)):
        expected = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        torch.testing.assert_close(attention(query, key, value, mask), expected, atol=1e-6, rtol=1e-5)


def test_the_causal_mask_hides_what_comes_later():
    hidden = causal_mask(4) == -torch.inf
    assert hidden.tolist() == [[column > row for column in range(4)] for row in range(4)]
    assert causal_mask(4)[~hidden].eq(0).all()


def test_causality():
    torch.manual_seed(0)
    x, block = torch.randn(2, 6, 16), Block(16, 2, "quick_gelu", causal=True)
    changed = x.clone()
    changed[:, 4] = torch.randn(2, 16)
    before, after = block(x), block(changed)
    torch.testing.assert_close(before[:, :4], after[:, :4], atol=0, rtol=0)
    assert (before[:, 4:] - after[:, 4:]).abs().amin(dim=(0, 2)).gt(0).all(), "a token is seen by itself and later ones"
    seeing = Block(16, 2, "quick_gelu")
    assert (seeing(x)[:, 0] - seeing(changed)[:, 0]).abs().max() > 1e-4, "without the mask all tokens see all"


def test_a_block_adds_to_the_stream():
    block, x = Block(16, 2, "gelu"), torch.randn(2, 3, 16)
    for layer in (block.attention.out, block.mlp.fc2):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    torch.testing.assert_close(block(x), x, atol=0, rtol=0)


def test_quick_gelu_is_near_gelu_and_is_not_gelu():
    x = torch.linspace(-10, 10, 20_001)
    difference = (QuickGELU()(x) - F.gelu(x)).abs().max().item()
    assert 0.020 < difference <= 0.021
    torch.testing.assert_close(QuickGELU()(torch.tensor(1.0)), torch.tensor(1 / (1 + math.exp(-1.702))))


def test_fused_quick_gelu_equals_plain():
    x = torch.linspace(-20, 20, 4_001, requires_grad=True)
    fused, plain = FusedQuickGELU()(x), QuickGELU()(x)
    torch.testing.assert_close(fused, plain, atol=1e-6, rtol=1e-5)
    (ours,), (expected,) = torch.autograd.grad(fused.sum(), x), torch.autograd.grad(plain.sum(), x)
    torch.testing.assert_close(ours, expected, atol=1e-6, rtol=1e-5)


def test_the_mlp_has_the_activation_it_was_asked_for():
    assert isinstance(MLP(8, "quick_gelu").activation, QuickGELU)
    assert isinstance(MLP(8, "gelu").activation, nn.GELU)
    assert MLP(8, "gelu").fc1.out_features == 32


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="width 50 cannot be shared out among 8 heads: take 48 or 56 instead"):
        Attention(50, 8)


def test_tokens_that_are_masked_count_for_nothing():
    torch.manual_seed(0)
    block, x = Block(24, 3, "gelu"), torch.randn(2, 7, 24)
    mask = (torch.arange(7) < 4).expand(2, 1, 1, 7)
    torch.testing.assert_close(block(x, mask)[:, :4], block(x[:, :4]), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("causal", [False, True])
def test_attention_maps_are_those_that_the_layer_uses(causal):
    torch.manual_seed(0)
    layer, x = Attention(24, 3, causal), torch.randn(2, 7, 24)
    _, _, value = layer.split_heads(x)
    found = layer.out((layer.weights(x) @ value).transpose(1, 2).flatten(2))
    torch.testing.assert_close(found, layer(x), atol=1e-6, rtol=1e-5)


def test_attention_maps_are_zero_where_nothing_may_be_seen():
    torch.manual_seed(0)
    layer, x = Attention(24, 3), torch.randn(2, 7, 24)
    mask = (torch.arange(7) < torch.tensor([[4], [7]]))[:, None, None]
    weights = layer.weights(x, mask)
    assert weights[0, :, :, 4:].eq(0).all() and weights[1].gt(0).all()
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(2, 3, 7))
