"""The tokens before the pool: what the head pools, what a hidden patch hides, and views of another size."""

import copy

import pytest
import torch

from clip_tutor.towers import ViTConfig, build_tower
from clip_tutor.towers.patch_tokens import patch_tokens
from clip_tutor.towers.resolution import resize_tower


def make_tower(pool="map"):
    torch.manual_seed(0)
    return build_tower(ViTConfig(32, 8, 16, 2, 2, "gelu", ln_pre=False, patch_bias=True, pool=pool), 16).eval()


def test_the_head_pools_these_tokens():
    tower, pixels = make_tower(), torch.randn(3, 3, 32, 32)
    torch.testing.assert_close(tower.head(patch_tokens(tower, pixels)), tower(pixels), atol=1e-6, rtol=1e-5)


def test_of_a_hidden_patch_only_the_place_is_seen():
    tower, pixels, mask_token = make_tower(), torch.randn(2, 3, 32, 32), torch.randn(16)
    masked = torch.zeros(2, 16, dtype=torch.bool)
    masked[:, 5] = True  # rows and columns 8 to 15
    repainted = pixels.clone()
    repainted[:, :, 8:16, 8:16] = 0
    hidden = patch_tokens(tower, pixels, masked, mask_token)
    assert torch.equal(hidden, patch_tokens(tower, repainted, masked, mask_token))
    assert not torch.allclose(hidden, patch_tokens(tower, pixels))
    masked_elsewhere = masked.roll(1, dims=1)
    assert not torch.allclose(hidden, patch_tokens(tower, pixels, masked_elsewhere, mask_token))


def test_a_smaller_view_is_read_as_by_a_tower_of_its_size():
    tower, pixels = make_tower(), torch.randn(2, 3, 16, 16)
    smaller = copy.deepcopy(tower)
    resize_tower(smaller, 16)
    torch.testing.assert_close(patch_tokens(tower, pixels), patch_tokens(smaller, pixels))
    patch_tokens(tower, pixels).sum().backward()
    assert (tower.pos_embed.grad != 0).all(), "every position learns from a small view, too"


def test_other_towers_and_sizes_are_refused():
    with pytest.raises(ValueError, match=r'no other: take a ViTConfig with pool="map"'):
        patch_tokens(make_tower("class"), torch.randn(1, 3, 32, 32))
    for shape in ((1, 3, 20, 20), (1, 3, 16, 32)):
        with pytest.raises(ValueError, match=rf"8 × 8 pixels do not tile images of {shape[2]} × {shape[3]}"):
            patch_tokens(make_tower(), torch.randn(shape))
