"""BERT against the published tower on the same weights; what padding may not do; how its weights begin."""

import dataclasses

import pytest
import torch
from torch import nn
from transformers import AlignTextConfig, AlignTextModel, BertModel
from transformers import BertConfig as PublishedBertConfig

from clip_tutor.towers.bert import BertConfig, BertTower

CONFIG = BertConfig(vocab_size=100, context_length=16, max_positions=24, width=24, layers=3, heads=3, mlp_width=40)
E = 10
CLS, SEP = 2, 3
CAPTIONS = torch.tensor(
    [
        [CLS, 5, 6, 7, 8, 9, SEP, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [CLS, 50, SEP] + [0] * 13,
        [CLS, *range(60, 70), SEP, 0, 0, 0, 0],
    ]
)


def with_lively_weights(model: nn.Module) -> nn.Module:
    """The model with weights and biases so large that no part of it can be left out unnoticed."""
    torch.manual_seed(0)
    for name, tensor in model.named_parameters():
        nn.init.normal_(tensor, mean=1.0 if "ln_" in name or "LayerNorm" in name else 0.0, std=0.2)
    return model.eval()


@pytest.fixture
def tower() -> BertTower:
    return with_lively_weights(BertTower(CONFIG, E))


def give_weights_of(published: nn.Module, tower: BertTower) -> None:
    """Copy a published tower's weights, layer by layer."""

    def copy(ours: nn.Module, *theirs: nn.Module) -> None:
        for kind in ("weight", "bias"):
            getattr(ours, kind).copy_(torch.cat([getattr(layer, kind) for layer in theirs]))

    with torch.no_grad():
        embeddings = published.embeddings
        tower.token_embedding.weight.copy_(embeddings.word_embeddings.weight)
        tower.pos_embed.copy_(embeddings.position_embeddings.weight)
        tower.segments.copy_(embeddings.token_type_embeddings.weight)
        copy(tower.ln_embedding, embeddings.LayerNorm)
        for block, layer in zip(tower.blocks, published.encoder.layer, strict=True):
            looks = layer.attention.self
            copy(block.attention.qkv, looks.query, looks.key, looks.value)
            copy(block.attention.out, layer.attention.output.dense)
            copy(block.ln_1, layer.attention.output.LayerNorm)
            copy(block.mlp.fc1, layer.intermediate.dense)
            copy(block.mlp.fc2, layer.output.dense)
            copy(block.ln_2, layer.output.LayerNorm)


@pytest.mark.parametrize(("config", "model"), [(AlignTextConfig, AlignTextModel), (PublishedBertConfig, BertModel)])
def test_bert_equals_the_published_tower(tower, config, model):
    published = with_lively_weights(
        model(
            config(
                vocab_size=CONFIG.vocab_size,
                hidden_size=CONFIG.width,
                num_hidden_layers=CONFIG.layers,
                num_attention_heads=CONFIG.heads,
                intermediate_size=CONFIG.mlp_width,
                max_position_embeddings=CONFIG.max_positions,
            )
        )
    )
    give_weights_of(published, tower)
    with torch.no_grad():
        rows = published(CAPTIONS, attention_mask=(CAPTIONS != 0).long()).last_hidden_state
        expected = tower.projection(rows[:, 0])
        assert torch.pdist(expected).min() > 0.1
        torch.testing.assert_close(tower(CAPTIONS), expected, atol=1e-5, rtol=1e-5)


def test_bert_has_as_many_parameters_as_the_published_tower():
    with torch.device("meta"):
        ours = BertTower(BertConfig(), embed_dim=640)
        theirs = AlignTextModel(AlignTextConfig(), add_pooling_layer=False)
    count = sum(tensor.numel() for tensor in ours.parameters())
    assert count == sum(tensor.numel() for tensor in theirs.parameters()) + 768 * 640 + 640 == 109_383_808


def test_bert_never_looks_at_padding(tower):
    features = tower(CAPTIONS)
    for row, caption in zip(features, CAPTIONS, strict=True):
        alone = tower(caption[caption != 0][None])[0]
        torch.testing.assert_close(row, alone, atol=1e-6, rtol=1e-5)
    with torch.no_grad():
        tower.token_embedding.weight[0] = 100.0
    torch.testing.assert_close(tower(CAPTIONS), features, atol=0, rtol=0)


def test_bert_intermediates_are_what_the_forward_pass_computes(tower):
    states, maps = tower.intermediates(CAPTIONS)
    assert len(states) == 1 + CONFIG.layers
    torch.testing.assert_close(tower.projection(states[-1][:, 0]), tower(CAPTIONS), atol=1e-5, rtol=1e-5)
    for weights in maps:
        assert weights[1, :, :, 3:].eq(0).all() and weights[1, :, :, :3].gt(0).all(), "words look at words"


def test_bert_looks_both_ways_and_minds_the_order(tower):
    captions = torch.tensor([[CLS, 5, 6, 7, SEP], [CLS, 9, 6, 7, SEP], [CLS, 5, 6, 9, SEP], [CLS, 7, 6, 5, SEP]])
    assert torch.pdist(tower(captions)).min() > 0.01


def test_the_stream_of_post_norm_stays_normalized():
    tower = BertTower(CONFIG, E)
    rows = {}
    for n, block in enumerate(tower.blocks[:-1]):
        block.register_forward_hook(lambda layer, given, result, n=n: rows.update({n: result}))
    tower(CAPTIONS)
    assert len(rows) == CONFIG.layers - 1
    for x in rows.values():
        torch.testing.assert_close(x.std(dim=-1, correction=0), torch.ones(x.shape[:2]), atol=1e-4, rtol=0)


def test_gradients_reach_every_weight_but_those_no_caption_uses(tower):
    tower(CAPTIONS).square().sum().backward()
    still = [name for name, tensor in tower.named_parameters() if tensor.grad is None or not tensor.grad.any()]
    assert still == []
    assert not tower.segments.grad[1].any() and not tower.pos_embed.grad[12:].any()
    assert not tower.token_embedding.weight.grad[0].any(), "padding learns nothing"


def test_bert_initial_scales():
    torch.manual_seed(0)
    tower = BertTower(BertConfig(vocab_size=2000, width=128, layers=2, heads=2, mlp_width=512), embed_dim=128)
    for name, tensor in tower.named_parameters():
        if name.startswith("projection.weight"):
            expected = (2 / (128 + 128)) ** 0.5
        elif name.endswith("bias"):
            expected = 0.0
        elif "ln_" in name:
            assert tensor.eq(1).all()
            continue
        else:
            expected = 0.02
        assert tensor.std().item() == pytest.approx(expected, rel=0.1), name
        assert tensor.mean().item() == pytest.approx(0, abs=0.005), name


def test_bert_says_what_it_cannot_read(tower):
    with pytest.raises(ValueError, match="these rows have 17 ids, and this tower reads at most 16: tokenize"):
        tower(torch.ones(2, 17, dtype=torch.long))
    with pytest.raises(ValueError, match="hold the id 100, and this tower knows ids below 100"):
        tower(torch.tensor([[CLS, 100, SEP]]))
    with pytest.raises(ValueError, match=r"row 1 begins with padding \(id 0\).*rows begin with the mark \[CLS\]"):
        tower(torch.tensor([[CLS, 5, SEP], [0, CLS, SEP]]))
    with pytest.raises(ValueError, match="context_length 600 needs as many positions, and max_positions is 512"):
        BertConfig(context_length=600)


def test_the_default_config_is_the_published_one():
    published = AlignTextConfig()
    assert dataclasses.asdict(BertConfig()) == {
        "vocab_size": published.vocab_size,
        "context_length": 64,
        "max_positions": published.max_position_embeddings,
        "width": published.hidden_size,
        "layers": published.num_hidden_layers,
        "heads": published.num_attention_heads,
        "mlp_width": published.intermediate_size,
        "eps": published.layer_norm_eps,
        "pad_id": published.pad_token_id,
    }
