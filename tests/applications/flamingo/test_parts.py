"""Resampler and gated block: the published ones on the same weights, and who may look where."""

import flamingo_pytorch
import pytest
import torch
from torch import Tensor, nn

from clip_tutor.applications.flamingo import GatedCrossAttention, PerceiverResampler, ResamplerConfig
from clip_tutor.applications.flamingo.masks import image_mask, images_seen

CLOSE = {"atol": 1e-5, "rtol": 1e-5}
IMAGE = 99
IDS = torch.tensor([[5, IMAGE, 6, 7, IMAGE, 8], [IMAGE, 5, 6, IMAGE, 7, 8]])
MARKS = IDS == IMAGE
AHEAD = torch.tensor([[True, False, False, False, False, False], [False] * 6])  # of any image


def copy_attention(ours: nn.Module, theirs: nn.Module) -> None:
    ours.to_query.weight, ours.to_key_value.weight = theirs.to_q.weight, theirs.to_kv.weight
    ours.out.weight = theirs.to_out.weight


def copy_mlp(ours: nn.Module, theirs: nn.Module) -> None:
    ours.ln.weight, ours.ln.bias = theirs[0].weight, theirs[0].bias
    ours.fc1.weight, ours.fc2.weight = theirs[1].weight, theirs[3].weight


def copy_layer_norm(ours: nn.Module, theirs: nn.Module) -> None:
    ours.weight, ours.bias = theirs.weight, theirs.bias


def disturb(module: nn.Module) -> None:
    """LayerNorms are the identity at the start: nobody would see which is which."""
    for parameter in module.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)


@pytest.mark.parametrize(("latents", "depth", "heads", "head_width", "mlp_ratio"), [(5, 2, 2, 8, 4), (3, 1, 4, 4, 2)])
def test_the_resampler_equals_the_published_one(latents, depth, heads, head_width, mlp_ratio):
    torch.manual_seed(0)
    theirs = flamingo_pytorch.PerceiverResampler(
        dim=24, depth=depth, dim_head=head_width, heads=heads, num_latents=latents, ff_mult=mlp_ratio
    )
    disturb(theirs)
    theirs.media_pos_emb.data.zero_()  # which image of a row it is: OpenFlamingo has no such embedding
    ours = PerceiverResampler(ResamplerConfig(24, latents, depth, heads, head_width, mlp_ratio))
    ours.latents = theirs.latents
    for layer, (attention, mlp) in zip(ours.layers, theirs.layers, strict=True):
        copy_layer_norm(layer.ln_image, attention.norm_media)
        copy_layer_norm(layer.ln_latents, attention.norm_latents)
        copy_attention(layer.attention, attention)
        copy_mlp(layer.mlp, mlp)
    copy_layer_norm(ours.ln_final, theirs.norm)
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters()) - 4 * 24
    features = torch.randn(2, 3, 9, 24)
    torch.testing.assert_close(ours(features), theirs(features), **CLOSE)


def gated_pair(attend: str) -> tuple[GatedCrossAttention, nn.Module]:
    """Ours and theirs, open gates, on the same weights."""
    torch.manual_seed(0)
    theirs = flamingo_pytorch.GatedCrossAttentionBlock(
        dim=24, dim_head=8, heads=2, only_attend_immediate_media=attend == "preceding"
    )
    disturb(theirs)
    theirs.attn_gate.data.fill_(0.7)
    theirs.ff_gate.data.fill_(-0.4)
    ours = GatedCrossAttention(24, 24, heads=2, head_width=8)
    copy_layer_norm(ours.ln, theirs.attn.norm)
    copy_attention(ours.attention, theirs.attn)
    copy_mlp(ours.mlp, theirs.ff)
    ours.attention_gate.data.fill_(0.7)
    ours.mlp_gate.data.fill_(-0.4)
    return ours, theirs


@pytest.mark.parametrize("attend", ["preceding", "all"])
def test_the_gated_block_equals_the_published_one(attend):
    ours, theirs = gated_pair(attend)
    x, images = torch.randn(2, 6, 24), torch.randn(2, 2, 5, 24)
    found = ours(x, images, image_mask(IDS, IMAGE, 2, attend))
    expected = theirs(x, images, media_locations=MARKS)
    torch.testing.assert_close(found[~AHEAD], expected[~AHEAD], **CLOSE)
    if attend == "preceding":
        torch.testing.assert_close(found, expected, **CLOSE)
    else:  # theirs lets text ahead of any image look at all images, in equal parts: see the test below
        assert (found - expected)[AHEAD].abs().max() > 0.01


@pytest.mark.parametrize("attend", ["preceding", "all"])
def test_text_ahead_of_any_image_finds_exact_zeros(attend):
    """And no NaN: a softmax over nothing would be 0/0."""
    ours, _ = gated_pair(attend)
    x, images = torch.randn(2, 6, 24, requires_grad=True), torch.randn(2, 2, 5, 24, requires_grad=True)
    mask = image_mask(IDS, IMAGE, 2, attend).repeat_interleave(5, dim=-1)
    found = ours.attention(ours.ln(x), images.flatten(1, 2), mask)
    assert found[AHEAD].eq(0).all() and found[~AHEAD].abs().amax(dim=-1).gt(0).all()
    maps = ours.attention.weights(ours.ln(x), images.flatten(1, 2), mask)
    torch.testing.assert_close(maps.sum(dim=-1), (~AHEAD).float()[:, None].expand(-1, 2, -1))
    found.sum().backward()
    assert x.grad.isfinite().all() and images.grad.isfinite().all()


def looks_at(attend: str) -> list[list[list[int]]]:
    """For each row and token, the images it may look at, counted from 1."""
    mask = image_mask(IDS, IMAGE, 2, attend)
    return [[(token.nonzero()[:, 0] + 1).tolist() for token in row] for row in mask]


def test_a_token_sees_the_image_before_it_or_all_before_it():
    assert images_seen(IDS, IMAGE).tolist() == [[0, 1, 1, 1, 2, 2], [1, 1, 1, 2, 2, 2]]
    assert looks_at("preceding") == [[[], [1], [1], [1], [2], [2]], [[1], [1], [1], [2], [2], [2]]]
    assert looks_at("all") == [[[], [1], [1], [1], [1, 2], [1, 2]], [[1], [1], [1], [1, 2], [1, 2], [1, 2]]]


@pytest.mark.parametrize(("images", "advice"), [(3, "a mark for each, or leave them out"), (1, "an image for each")])
def test_marks_must_be_as_many_as_images(images, advice):
    with pytest.raises(ValueError, match=rf"row 0 has {images} images and 2 image marks \(id 99\): .*{advice}"):
        image_mask(IDS, IMAGE, images, "preceding")


def test_another_way_to_look_is_refused():
    with pytest.raises(ValueError, match="attend is 'next': let a token look at the 'preceding' image or at 'all'"):
        image_mask(IDS, IMAGE, 2, "next")


@pytest.mark.parametrize("shape", [(2, 9, 24), (2, 1, 9, 25)])
def test_features_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"reads \(B, images, N, 24\).* give one image a row with features\[:, None\]"):
        PerceiverResampler(ResamplerConfig(24, 2, 1, 1, 8))(torch.randn(shape))


def test_an_image_is_resampled_by_itself():
    """Neither its neighbors in the row nor the order of its places makes a difference."""
    torch.manual_seed(0)
    resampler = PerceiverResampler(ResamplerConfig(24, latents=3, depth=2, heads=2, head_width=8))
    features = torch.randn(2, 3, 9, 24)
    found = resampler(features)
    torch.testing.assert_close(found[1, 2], resampler(features[1:, 2:])[0, 0], **CLOSE)
    torch.testing.assert_close(found, resampler(features[:, :, torch.randperm(9)]), **CLOSE)


def test_the_resamplers_maps_are_those_of_the_forward_pass():
    torch.manual_seed(0)
    resampler = PerceiverResampler(ResamplerConfig(24, latents=3, depth=2, heads=2, head_width=8))
    features = torch.randn(2, 1, 9, 24)
    maps: list[Tensor] = resampler.attention_maps(features)
    assert [tuple(found.shape) for found in maps] == [(2, 1, 2, 3, 9 + 3)] * 2
    layer = resampler.layers[0]
    latents = layer.ln_latents(resampler.latents.expand(2, 1, -1, -1))
    source = torch.cat([layer.ln_image(features), latents], dim=2)
    value = layer.attention.to_key_value(source).chunk(2, dim=-1)[1].unflatten(-1, (2, 8)).transpose(2, 3)
    expected = layer.attention.out((maps[0] @ value).transpose(2, 3).flatten(3))
    torch.testing.assert_close(layer.attention(latents, source), expected, **CLOSE)
