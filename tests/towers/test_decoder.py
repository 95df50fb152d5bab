"""The decoder: torch's own layer with the same weights, who sees whom, and what it refuses."""

import pytest
import torch
from torch import nn

from clip_tutor.towers.decoder import CaptionDecoder, DecoderBlock, DecoderConfig, causal

CONFIG = DecoderConfig(vocab_size=50, context_length=8, width=16, layers=2, heads=2, image_width=16)


def make_decoder():
    torch.manual_seed(0)
    decoder = CaptionDecoder(CONFIG).eval()
    return decoder, torch.randint(50, (3, 6)), torch.randn(3, 9, 16)


def test_a_block_is_torchs_pre_norm_decoder_layer():
    torch.manual_seed(0)
    ours = DecoderBlock(CONFIG).eval()
    theirs = nn.TransformerDecoderLayer(16, 2, 64, 0.0, "gelu", norm_first=True, batch_first=True).eval()
    query, key_value = ours.cross_attention.to_query.weight, ours.cross_attention.to_key_value.weight
    weights = {
        "self_attn.in_proj": ours.attention.qkv,
        "self_attn.out_proj": ours.attention.out,
        "multihead_attn.out_proj": ours.cross_attention.out,
        "linear1": ours.mlp.fc1,
        "linear2": ours.mlp.fc2,
        **{f"norm{n}": ours.get_submodule(f"ln_{n}") for n in (1, 2, 3)},
    }
    with torch.no_grad():
        for name, layer in weights.items():
            separator = "_" if name.endswith("in_proj") else "."
            theirs.get_parameter(f"{name}{separator}weight").copy_(layer.weight)
            bias = theirs.get_parameter(f"{name}{separator}bias")
            bias.zero_() if layer.bias is None else bias.copy_(layer.bias)
        theirs.multihead_attn.in_proj_weight.copy_(torch.cat([query, key_value]))
        theirs.multihead_attn.in_proj_bias.zero_()
    x, patches = torch.randn(3, 6, 16), torch.randn(3, 9, 16)
    expected = theirs(x, patches, tgt_mask=~causal(6))
    torch.testing.assert_close(ours(x, patches, causal(6).expand(3, 6, 6)), expected, atol=1e-5, rtol=1e-5)


def test_a_place_sees_what_came_before_and_nothing_else():
    decoder, ids, patches = make_decoder()
    before = decoder(ids, patches)
    ids[1, 3] = (ids[1, 3] + 1) % 50
    changed = (decoder(ids, patches) - before).abs().amax(dim=-1) > 1e-6  # (B, T)
    expected = torch.zeros(3, 6, dtype=torch.bool)
    expected[1, 3:] = True
    assert torch.equal(changed, expected)


def test_where_all_places_are_visible_a_place_sees_later_ones():
    decoder, ids, patches = make_decoder()
    visible = causal(6).expand(3, 6, 6).clone()
    visible[1] = True
    before = decoder(ids, patches, visible)
    ids[:, 5] = (ids[:, 5] + 1) % 50
    changed = (decoder(ids, patches, visible) - before).abs().amax(dim=-1)[:, :5] > 1e-6
    assert not changed[[0, 2]].any() and changed[1].all()


def test_each_row_reads_the_patches_of_its_own_image():
    decoder, ids, patches = make_decoder()
    before = decoder(ids, patches)
    patches[1, 4, 0] += 1
    changed = (decoder(ids, patches) - before).abs().amax(dim=-1) > 1e-6
    assert not changed[[0, 2]].any() and changed[1].all()


def test_what_does_not_fit_is_refused():
    decoder, ids, patches = make_decoder()
    with pytest.raises(ValueError, match=r"rows about 3 images, and patches of shape \(1, 9, 16\)"):
        decoder(ids, patches[:1])
    with pytest.raises(ValueError, match=r"this decoder reads \(B, N, 16\) patches"):
        decoder(ids, torch.randn(2, 9, 8))
    with pytest.raises(ValueError, match="these rows have 9 ids"):
        decoder(torch.zeros(3, 9, dtype=torch.long), patches)
