"""Both mappers give a prefix of the published shape, in the published way."""

import pytest
import torch
from torch import nn

from clip_tutor.applications.captioning import MLPMapper, MLPMapperConfig, TransformerMapper, TransformerMapperConfig
from clip_tutor.towers.attention import Block


def test_the_mlp_has_the_published_shape():
    """Of ClipCap: 512 numbers of ViT-B/32, 3,840 between, 10 tokens of GPT-2's 768."""
    first, activation, second = MLPMapper(MLPMapperConfig(), 512, 768, 10).layers
    assert (first.in_features, first.out_features) == (512, 3840)
    assert isinstance(activation, nn.Tanh)
    assert (second.in_features, second.out_features) == (3840, 7680)


def test_the_transformer_has_the_published_shape():
    with torch.device("meta"):
        mapper = TransformerMapper(TransformerMapperConfig(), 512, 768, 10)
    assert (mapper.linear.in_features, mapper.linear.out_features) == (512, 7680)
    assert mapper.constants.shape == (10, 768)
    assert len(mapper.blocks) == 8
    for block in mapper.blocks:
        assert isinstance(block, Block)
        assert block.attention.heads == 8 and not block.attention.causal
        assert block.mlp.fc1.out_features == 2 * 768 and isinstance(block.mlp.activation, nn.ReLU)


@pytest.mark.parametrize("make", [lambda: MLPMapper(MLPMapperConfig(), 16, 32, 4), lambda: transformer()])
def test_each_image_has_a_prefix_of_its_own(make):
    torch.manual_seed(0)
    mapper, vectors = make(), torch.randn(3, 16)
    prefix = mapper(vectors)
    assert prefix.shape == (3, 4, 32)
    torch.testing.assert_close(mapper(vectors[[2]]), prefix[[2]])
    assert (prefix[0] - prefix[1]).abs().max() > 0.01


def transformer() -> TransformerMapper:
    return TransformerMapper(TransformerMapperConfig(layers=2, heads=2, image_tokens=3), 16, 32, 4)


def test_the_prefix_is_what_becomes_of_the_constants():
    """Not what becomes of the image's own tokens, which stand before them."""
    torch.manual_seed(0)
    mapper, vectors = transformer(), torch.randn(2, 16)
    image_tokens = mapper.linear(vectors).view(2, 3, 32)
    whole = mapper.blocks(torch.cat([image_tokens, mapper.constants.expand(2, 4, 32)], dim=1))
    torch.testing.assert_close(mapper(vectors), whole[:, 3:])
    for block in mapper.blocks:  # with blocks that add nothing, the constants come out as they went in
        for layer in (block.attention.out, block.mlp.fc2):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
    torch.testing.assert_close(mapper(vectors), mapper.constants.expand(2, 4, 32))
