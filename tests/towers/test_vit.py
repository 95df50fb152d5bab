"""The image tower: patches, stems, first weights, and images of the wrong size."""

import pytest
import timm
import torch
import torch.nn.functional as F

from clip_tutor.towers import VisionTransformer, ViTConfig
from clip_tutor.towers.vit import ConvStem, PatchEmbed
from clip_tutor.weights.renaming import rename

CONFIG = ViTConfig(image_size=32, patch_size=8, width=24, layers=2, heads=3)
CONV = ViTConfig(image_size=64, patch_size=16, width=24, layers=1, heads=3, stem_channels=(6, 12, 12))


def test_patch_embed_is_a_linear_map_of_patches():
    torch.manual_seed(0)
    patch_embed, pixels = PatchEmbed(CONFIG), torch.randn(2, 3, 32, 32)
    patches = [
        pixels[:, :, top : top + 8, left : left + 8].flatten(1) for top in range(0, 32, 8) for left in range(0, 32, 8)
    ]
    expected = torch.stack(patches, dim=1) @ patch_embed.proj.weight.flatten(1).T  # (B, N, 3·P·P) @ (3·P·P, D)
    torch.testing.assert_close(patch_embed(pixels), expected, atol=1e-5, rtol=1e-5)
    assert patch_embed.proj.bias is None


def test_conv_stem_makes_the_same_grid_and_looks_over_the_edges_of_cells():
    torch.manual_seed(0)
    stem, pixels = ConvStem(CONV).eval(), torch.randn(2, 3, 64, 64)
    assert stem(pixels).shape == PatchEmbed(CONV)(pixels).shape == (2, 16, 24)
    changed = pixels.clone()
    changed[:, :, :16, :16] += 1  # the first cell
    moved = (stem(changed) - stem(pixels)).abs().amax(dim=(0, 2)) > 1e-6  # (N,)
    assert moved[0], "it sees its own pixels"
    assert moved[[1, 4, 5]].any(), "and its neighbors see some of them too"
    assert not moved[[2, 3, 8, 12, 15]].any(), "far cells do not"


def test_conv_stem_keeps_the_order_of_cells():
    torch.manual_seed(0)
    stem, pixels = ConvStem(CONV).eval(), torch.zeros(1, 3, 64, 64)
    pixels[:, :, 20:28, 52:60] = 5  # row 1, column 3 of the grid of cells
    assert (stem(pixels) - stem(torch.zeros_like(pixels))).abs().amax(dim=2).argmax() == 1 * 4 + 3


@pytest.mark.parametrize(("patch_size", "channels"), [(8, (4, 8, 16)), (16, (4, 8)), (32, (4, 8, 16, 32))])
def test_a_stem_that_makes_other_cells_is_refused(patch_size, channels):
    with pytest.raises(
        ValueError, match=r"makes cells of 16 pixels: give three channel counts and patch_size 16, not \("
    ):
        ViTConfig(image_size=64, patch_size=patch_size, width=24, layers=1, heads=3, stem_channels=channels)


@pytest.mark.parametrize("config", [CONFIG, CONV])
def test_an_image_is_embedded_alike_alone_and_in_company(config):
    torch.manual_seed(0)
    pixels = torch.randn(5, 3, config.image_size, config.image_size)
    tower = VisionTransformer(config, embed_dim=10).eval()
    features = tower(pixels)
    assert features.shape == (5, 10)
    torch.testing.assert_close(torch.cat([tower(image[None]) for image in pixels]), features, atol=1e-5, rtol=1e-4)


def test_positions_tell_patches_apart():
    torch.manual_seed(0)
    tower, pixels = VisionTransformer(CONFIG, embed_dim=10), torch.randn(1, 3, 32, 32)
    assert (tower(pixels) - tower(pixels.flip(3))).abs().max() > 1e-3
    upside_down = pixels.unflatten(2, (4, 8)).flip(2).flatten(2, 3)  # rows of whole patches change places
    assert (tower(pixels) - tower(upside_down)).abs().max() > 1e-3
    torch.nn.init.zeros_(tower.pos_embed)
    torch.testing.assert_close(tower(pixels), tower(upside_down), atol=1e-5, rtol=1e-4)


def test_initial_scales():
    torch.manual_seed(0)
    tower = VisionTransformer(ViTConfig(image_size=224, patch_size=32, width=768, layers=1, heads=12), embed_dim=512)
    for name in ("cls_token", "pos_embed", "projection"):
        weights = getattr(tower, name)
        assert weights.std().item() == pytest.approx(768**-0.5, rel=0.08), name
        assert abs(weights.mean().item()) < 4 * 768**-0.5 / weights.numel() ** 0.5, name
        assert F.relu(weights).count_nonzero() < 0.6 * weights.numel(), f"{name} is drawn on both sides of zero"


@pytest.mark.parametrize("shape", [(2, 3, 64, 64), (2, 3, 32, 31), (2, 1, 32, 32), (3, 32, 32)])
def test_an_image_of_another_size_is_refused(shape):
    with pytest.raises(ValueError, match=r"reads images of shape \(B, 3, 32, 32\).*resize them") as caught:
        VisionTransformer(CONFIG, embed_dim=10)(torch.zeros(shape))
    assert str(shape) in str(caught.value)


def test_patches_must_tile_the_image():
    with pytest.raises(ValueError, match="patches of 7 pixels do not tile an image of 32: 4 pixels would be left"):
        ViTConfig(image_size=32, patch_size=7, width=24, layers=1, heads=3)


def test_the_plain_tower_equals_timms():
    ours = ViTConfig(32, 8, 24, layers=2, heads=3, activation="gelu", ln_pre=False, patch_bias=True, eps=1e-6)
    theirs = timm.create_model(
        "vit_base_patch16_224", img_size=32, patch_size=8, embed_dim=24, depth=2, num_heads=3, num_classes=0
    ).eval()
    for parameter in theirs.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    table = """
    cls_token               cls_token
    pos_embed               pos_embed
    patch_embed.proj.*      patch_embed.proj.*
    blocks.{}.norm1.*       blocks.{}.ln_1.*
    blocks.{}.attn.qkv.*    blocks.{}.attention.qkv.*
    blocks.{}.attn.proj.*   blocks.{}.attention.out.*
    blocks.{}.norm2.*       blocks.{}.ln_2.*
    blocks.{}.mlp.fc1.*     blocks.{}.mlp.fc1.*
    blocks.{}.mlp.fc2.*     blocks.{}.mlp.fc2.*
    norm.*                  ln_post.*
    """
    tower = VisionTransformer(ours, 24)
    weights = rename(theirs.state_dict(), table)
    weights |= {"cls_token": weights["cls_token"][0, 0], "pos_embed": weights["pos_embed"][0]}
    tower.load_state_dict(weights | {"projection": torch.eye(24)})
    pixels = torch.randn(3, 3, 32, 32)
    torch.testing.assert_close(tower(pixels), theirs(pixels), atol=1e-5, rtol=1e-5)


def test_a_map_head_is_as_wide_as_its_tower():
    with pytest.raises(ValueError, match="a MAP head gives 24 numbers"):
        VisionTransformer(ViTConfig(32, 8, 24, layers=1, heads=3, pool="map"), 32)
