"""Every named model: it can be built without its memory, and a name that is not there is helped along."""

import pytest
import torch

from clip_tutor import zoo
from clip_tutor.towers import TextConfig, ViTConfig


@pytest.mark.slow
@pytest.mark.parametrize("name", zoo.list_models())
def test_every_model_can_be_counted(name: str):
    counts = zoo.parameter_counts(name)
    scalars = 1 + (zoo.config(name).logit_bias is not None)
    assert counts.total == counts.vision + counts.text + scalars
    assert counts.vision > 0 < counts.text


def test_the_families_the_course_speaks_of_are_here():
    assert len(zoo.OPENAI) == 9
    assert len(zoo.OPEN_CLIP) >= 10
    siglip = {"SigLIP-B/16-224", "SigLIP-B/16-256", "SigLIP-B/16-384", "SigLIP-B/16-512", "SigLIP-SO400M/14-384"}
    siglip_2 = {"SigLIP2-B/16-224", "SigLIP2-L/16-256", "SigLIP2-SO400M/14-224", "SigLIP2-B/16-NaFlex"}
    assert siglip | siglip_2 | {"SigLIP-L/16-256", "ALIGN-base", "tiny"} <= set(zoo.list_models())


def test_openais_names_stand_for_quick_gelu_and_open_clips_for_gelu():
    for family, activation in ((zoo.OPENAI, "quick_gelu"), (zoo.OPEN_CLIP, "gelu"), (zoo.SIGLIP, "gelu_tanh")):
        for name, config in family.items():
            assert isinstance(config.text, TextConfig)
            assert config.text.activation == activation, name
            if isinstance(config.vision, ViTConfig):
                assert config.vision.activation == activation, name


def test_a_model_is_built_with_fresh_weights():
    torch.manual_seed(0)
    one = zoo.create("tiny")
    torch.manual_seed(0)
    two = zoo.create("tiny")
    assert torch.equal(one.image_tower.projection, two.image_tower.projection)
    assert not torch.equal(one.image_tower.projection, zoo.create("tiny").image_tower.projection)


@pytest.mark.parametrize(("typed", "meant"), [("vit-b/32", "ViT-B/32"), ("RN50x8", "RN50"), ("siglip-b/16", "SigLIP")])
def test_a_name_that_is_nearly_right_is_helped_along(typed: str, meant: str):
    with pytest.raises(KeyError, match=f"there is no model '{typed}': did you mean .*{meant}"):
        zoo.create(typed)
