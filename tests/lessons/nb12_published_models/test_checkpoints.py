"""Towers as others publish them: exercise 12.3 makes of such a file the tower that it came from."""

import pytest
import torch

from clip_tutor.lessons.nb12_published_models import checkpoints
from clip_tutor.lessons.nb12_published_models.exercises.absorbing import absorb
from clip_tutor.lessons.nb12_published_models.exercises.finishing import to_joint_space
from clip_tutor.lessons.nb12_published_models.exercises.fused import split_qkv
from clip_tutor.lessons.nb12_published_models.exercises.published import published_weights
from clip_tutor.towers import VisionTransformer, ViTConfig


@pytest.fixture
def tower() -> VisionTransformer:
    """A small tower, its width unlike the length of its features."""
    torch.manual_seed(0)
    return VisionTransformer(ViTConfig(8, 4, width=12, layers=2, heads=3), embed_dim=5).eval()


@pytest.fixture
def pixels() -> torch.Tensor:
    return torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("layout", ["open_clip", "transformers"])
def test_published_weights_make_the_librarys_tower(tower, pixels, layout):
    file = checkpoints.as_published(tower, layout)
    assert file == checkpoints.image_tensors(file), "every name is one of an image tower"
    other = VisionTransformer(tower.config, 5).eval()
    made_of, transposed = checkpoints.recipe(other.state_dict(), layout)
    other.load_state_dict(published_weights(file, made_of, transposed, other.state_dict()))
    torch.testing.assert_close(other(pixels), tower(pixels))


def test_what_is_no_part_of_an_image_tower_is_left_out():
    names = ("visual.proj", "text_projection.weight", "vision_model.embeddings.position_ids", "logit_scale")
    assert list(checkpoints.image_tensors({name: torch.zeros(1) for name in names})) == ["visual.proj"]


def test_a_stem_that_the_layout_does_not_know_is_left_out():
    stem = VisionTransformer(ViTConfig(32, 16, 12, 1, 3, stem_channels=(4, 4, 4)), embed_dim=5)
    made_of, _ = checkpoints.recipe(stem.state_dict(), "transformers")
    assert stem.state_dict().keys() - made_of.keys() == {f"patch_embed.{n}" for n in stem.patch_embed.state_dict()}


def test_split_qkv_undoes_the_other_order(tower):
    own = tower.state_dict()
    fused = checkpoints.by_head(own, heads=3)
    weight, bias = (f"blocks.1.attention.qkv.{kind}" for kind in ("weight", "bias"))
    assert not torch.equal(fused[weight], own[weight])
    split = split_qkv(fused[weight], fused[bias], 3, True)
    assert torch.equal(torch.cat([split[f"{one}_proj.weight"] for one in "qkv"]), own[weight])
    assert torch.equal(torch.cat([split[f"{one}_proj.bias"] for one in "qkv"]), own[bias])


def test_to_joint_space_ends_where_the_tower_ends(tower, pixels):
    hidden = tower.blocks(tower.embed(pixels))
    features = to_joint_space(hidden, tower.ln_post.weight, tower.ln_post.bias, tower.projection.T)
    torch.testing.assert_close(features, torch.nn.functional.normalize(tower(pixels), dim=-1))


def test_absorb_gives_the_features_of_the_right_preprocessing(tower, pixels):
    meant = torch.tensor([0.5, 0.4, 0.3]), torch.tensor([0.2, 0.3, 0.4])
    given = torch.tensor([0.1, 0.6, 0.5]), torch.tensor([0.5, 0.5, 0.6])
    right, wrong = ((pixels - mean.view(3, 1, 1)) / std.view(3, 1, 1) for mean, std in (meant, given))
    before = tower(right)
    weight, positions = absorb(tower.patch_embed.proj.weight, tower.pos_embed, meant, given)
    tower.load_state_dict(tower.state_dict() | {"patch_embed.proj.weight": weight, "pos_embed": positions})
    torch.testing.assert_close(tower(wrong), before, atol=1e-5, rtol=1e-5)
