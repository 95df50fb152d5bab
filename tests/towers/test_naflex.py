"""NaFlex against the published tower on the same weights, for batches of every shape; what padding may not do."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from transformers import Siglip2VisionConfig, Siglip2VisionModel

from clip_tutor.patches import Patches, patchify, to_patches
from clip_tutor.towers.naflex import NaFlexConfig, NaFlexTransformer, bilinear_weights
from tests.towers.columns import PUBLISHED_ERRS, REASON

CONFIG = NaFlexConfig(patch_size=4, grid_size=4, width=24, layers=2, heads=3, mlp_width=40)
D, P = CONFIG.width, CONFIG.patch_size
# Patches downwards and across: the learned grid, wider, taller, smaller, larger, a single row, column and patch.
SHAPES = [(4, 4), (2, 8), (7, 2), (3, 3), (6, 5), (1, 16), (20, 1), (1, 1), (4, 4)]


def with_lively_weights(model: nn.Module) -> nn.Module:
    """The model with weights and biases so large that no part of it can be left out unnoticed."""
    torch.manual_seed(0)
    for name, tensor in model.named_parameters():
        around = 1.0 if name.endswith("weight") and ("ln" in name or "norm" in name) else 0.0
        nn.init.normal_(tensor, mean=around, std=0.2)
    return model.eval()


@pytest.fixture
def tower() -> NaFlexTransformer:
    return with_lively_weights(NaFlexTransformer(CONFIG, D))


def mixed_batch(shapes: list[tuple[int, int]], length: int) -> Patches:
    """Noise of these shapes, padded with other noise that must not matter."""
    mask = torch.tensor([[n < height * width for n in range(length)] for height, width in shapes])
    torch.manual_seed(1)
    return Patches(torch.randn(len(shapes), length, 3 * P * P), mask, torch.tensor(shapes))


def published_twin(tower: NaFlexTransformer) -> Siglip2VisionModel:
    """The published tower with our tower's weights."""
    published = Siglip2VisionModel(
        Siglip2VisionConfig(
            hidden_size=D,
            intermediate_size=CONFIG.mlp_width,
            num_hidden_layers=CONFIG.layers,
            num_attention_heads=CONFIG.heads,
            patch_size=P,
            num_patches=CONFIG.grid_size**2,
        )
    ).eval()

    def copy(theirs: nn.Module, weight: torch.Tensor, bias: torch.Tensor) -> None:
        theirs.weight.copy_(weight)
        theirs.bias.copy_(bias)

    with torch.no_grad():
        copy(published.embeddings.patch_embedding, tower.patch_embed.weight, tower.patch_embed.bias)
        published.embeddings.position_embedding.weight.copy_(tower.pos_embed)
        copy(published.post_layernorm, tower.ln_post.weight, tower.ln_post.bias)
        for layer, block in zip(published.encoder.layers, tower.blocks, strict=True):
            looks = layer.self_attn
            qkv = zip(block.attention.qkv.weight.chunk(3), block.attention.qkv.bias.chunk(3), strict=True)
            for linear, (weight, bias) in zip((looks.q_proj, looks.k_proj, looks.v_proj), qkv, strict=True):
                copy(linear, weight, bias)
            copy(looks.out_proj, block.attention.out.weight, block.attention.out.bias)
            copy(layer.layer_norm1, block.ln_1.weight, block.ln_1.bias)
            copy(layer.layer_norm2, block.ln_2.weight, block.ln_2.bias)
            copy(layer.mlp.fc1, block.mlp.fc1.weight, block.mlp.fc1.bias)
            copy(layer.mlp.fc2, block.mlp.fc2.weight, block.mlp.fc2.bias)
        theirs, ours = published.head, tower.head
        theirs.probe.copy_(ours.probe.view(1, 1, D))
        theirs.attention.in_proj_weight.copy_(ours.attention.qkv.weight)
        theirs.attention.in_proj_bias.copy_(ours.attention.qkv.bias)
        copy(theirs.attention.out_proj, ours.attention.out.weight, ours.attention.out.bias)
        copy(theirs.layernorm, ours.ln.weight, ours.ln.bias)
        copy(theirs.mlp.fc1, ours.mlp.fc1.weight, ours.mlp.fc1.bias)
        copy(theirs.mlp.fc2, ours.mlp.fc2.weight, ours.mlp.fc2.bias)
    return published


@torch.no_grad()
@pytest.mark.skipif(PUBLISHED_ERRS, reason=REASON)
def test_naflex_equals_the_published_tower_in_a_mixed_batch(tower):
    batch = mixed_batch(SHAPES, length=33)
    expected = published_twin(tower)(batch.patches, batch.mask.int(), batch.shapes).pooler_output
    assert torch.pdist(expected).min() > 0.1
    torch.testing.assert_close(tower(batch), expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("size", [(16, 16), (8, 24), (4, 4)])
def test_images_of_one_shape_go_in_as_plain_pixels(tower, size):
    pixels = torch.randn(3, 3, *size)
    shape = torch.tensor([[size[0] // P, size[1] // P]]).expand(3, 2)
    mask = torch.ones(3, int(shape[0].prod()), dtype=torch.int)
    expected = published_twin(tower)(patchify(pixels, P), mask, shape).pooler_output
    torch.testing.assert_close(tower(pixels), expected, atol=1e-5, rtol=1e-5)


def test_naflex_has_as_many_parameters_as_the_published_tower():
    with torch.device("meta"):
        ours, theirs = NaFlexTransformer(NaFlexConfig(), 768), Siglip2VisionModel(Siglip2VisionConfig())
    count = sum(tensor.numel() for tensor in ours.parameters())
    assert count == sum(tensor.numel() for tensor in theirs.parameters()) == 92_930_304


@torch.no_grad()
def test_an_image_is_read_alike_alone_and_in_a_batch(tower):
    batch = mixed_batch(SHAPES, length=33)
    features = tower(batch)
    for n, (height, width) in enumerate(SHAPES):
        alone = Patches(
            batch.patches[n : n + 1, : height * width], batch.mask[n : n + 1, : height * width], batch.shapes[n : n + 1]
        )
        torch.testing.assert_close(tower(alone)[0], features[n], atol=1e-5, rtol=1e-5)
    shouting = batch._replace(patches=batch.patches.masked_fill(~batch.mask[..., None], 1000.0))
    torch.testing.assert_close(tower(shouting), features, atol=0, rtol=0)


@torch.no_grad()
def test_the_same_patches_in_another_shape_are_another_image(tower):
    patches, mask, _ = mixed_batch([(4, 4)] * 3, length=16)
    features = tower(Patches(patches[:1].expand(3, -1, -1), mask, torch.tensor([(4, 4), (2, 8), (8, 2)])))
    assert torch.pdist(features).min() > 0.01


def test_positions_are_resized_smoothly(tower):
    torch.testing.assert_close(tower.pos_embed_for(4, 4), tower.pos_embed, atol=1e-6, rtol=0)
    tower.pos_embed_for(1, 2).sum().backward()
    assert tower.pos_embed.grad.gt(0).all(), "every learned position is heard in two patches"
    with torch.no_grad():
        tower.pos_embed[:] = torch.arange(16.0)[:, None] // 4  # says which row it is
        rows = tower.pos_embed_for(8, 3).view(8, 3, D)
    assert rows[:, 0].diff(dim=0)[1:-1].gt(0).all(), "row after row"
    torch.testing.assert_close(rows[:, :1].expand_as(rows), rows)
    torch.testing.assert_close(rows[0] + rows[7], torch.full((3, D), 3.0))


@pytest.mark.parametrize("new", [2, 3, 4, 5, 16, 33])
def test_shares_are_those_of_torchs_smoothing_interpolation(new):
    grid = torch.randn(6, 4, 4)
    expected = F.interpolate(grid[None], (new, 3), mode="bilinear", align_corners=False, antialias=True)[0]
    torch.testing.assert_close(
        bilinear_weights(4, new) @ grid @ bilinear_weights(4, 3).T, expected, atol=1e-6, rtol=1e-5
    )
    torch.testing.assert_close(bilinear_weights(4, new).sum(dim=1), torch.ones(new))


def test_gradients_reach_every_weight(tower):
    tower(mixed_batch(SHAPES, length=33)).square().sum().backward()
    assert all(tensor.grad is not None and tensor.grad.any() for tensor in tower.parameters())


def test_naflex_says_what_it_cannot_read(tower):
    with pytest.raises(
        ValueError, match=r"patches of 4 × 4 pixels, 48 numbers, and these have 768: pack .* patch_size=4"
    ):
        tower(to_patches(torch.zeros(1, 3, 32, 32), 16))
    with pytest.raises(ValueError, match="patches of 4 pixels do not tile images of 16 × 18: resize to multiples of 4"):
        tower(torch.zeros(1, 3, 16, 18))
    with pytest.raises(ValueError, match="a MAP head gives 24 numbers, as wide as the tower: embed_dim cannot be 10"):
        NaFlexTransformer(CONFIG, 10)


def test_the_default_config_is_the_published_one():
    published, ours = Siglip2VisionConfig(), NaFlexConfig()
    assert (ours.width, ours.layers, ours.heads) == (768, published.num_hidden_layers, published.num_attention_heads)
    assert (ours.mlp_width, ours.eps, ours.patch_size) == (3072, published.layer_norm_eps, published.patch_size)
    assert (ours.max_patches, ours.image_size) == (published.num_patches, 256)
    assert published.hidden_act == "gelu_pytorch_tanh"
