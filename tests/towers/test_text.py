"""The text tower: what it reads, what it cannot see, and how its weights begin."""

from dataclasses import replace

import open_clip
import pytest
import torch
import transformers
from torch import Tensor

from clip_tutor.towers import TextConfig, TextTower
from clip_tutor.weights.names import open_clip as open_clip_names
from clip_tutor.weights.names import transformers as transformers_names
from clip_tutor.weights.renaming import rename
from tests.weights.conftest import shake

CONFIG = TextConfig(vocab_size=100, context_length=12, width=24, layers=2, heads=3)
START, END = 98, 99


@pytest.fixture
def tower() -> TextTower:
    torch.manual_seed(0)
    return TextTower(CONFIG, embed_dim=10)


def test_padding_cannot_leak(tower):
    caption = [START, 5, 6, 7, END]
    features = tower(torch.tensor([caption + [0] * 7]))
    torch.testing.assert_close(tower(torch.tensor([[*caption, 3, 1, 4, 1, 5, 9, 2]])), features)
    torch.testing.assert_close(tower(torch.tensor([caption])), features, msg="a trimmed row gives the same")


def test_every_word_before_the_end_counts(tower):
    ids = torch.tensor([START, 5, 6, 7, 8, END]).repeat(5, 1)
    for n in range(4):
        ids[n, n + 1] = 50
    features = tower(ids)
    assert torch.pdist(features).min() > 1e-4


def test_the_order_of_words_counts(tower):
    features = tower(torch.tensor([[START, 5, 6, END], [START, 6, 5, END]]))
    assert (features[0] - features[1]).abs().max() > 1e-4


def test_the_vector_is_read_at_the_end_mark(tower):
    ids = torch.tensor([[START, 5, END, 0, 0], [START, 5, 6, 7, END]])
    rows = tower.ln_final(tower.blocks(tower.token_embedding(ids) + tower.pos_embed[:5]))  # all of them
    expected = torch.stack([rows[0, 2], rows[1, 4]]) @ tower.projection
    torch.testing.assert_close(tower(ids), expected)


def test_a_caption_has_one_vector_in_any_batch(tower):
    torch.manual_seed(1)
    ids = torch.randint(1, START, (100, 12))
    ids[torch.arange(100), torch.randint(1, 12, (100,))] = END
    torch.testing.assert_close(tower(ids), torch.cat([tower(row[None]) for row in ids]), atol=1e-6, rtol=1e-5)


@pytest.fixture
def bidirectional() -> TextTower:
    torch.manual_seed(0)
    config = TextConfig(100, 6, 24, layers=2, heads=3, causal=False, pool="last", projection_bias=True, eps=1e-6)
    return TextTower(config, embed_dim=10)


def test_a_bidirectional_tower_is_read_at_its_last_place(bidirectional):
    ids = torch.tensor([[5, 6, 7, 1, 1, 1], [9, 8, 1, 1, 1, 1]])
    tower = bidirectional
    rows = tower.ln_final(tower.blocks(tower.token_embedding(ids) + tower.pos_embed))
    torch.testing.assert_close(tower(ids), rows[:, -1] @ tower.projection + tower.projection_bias)
    other = torch.tensor([[5, 6, 7, 1, 1, 1], [9, 8, 4, 1, 1, 1]])
    assert not torch.allclose(tower(other)[1], tower(ids)[1]), "it sees what lies in the middle"


def test_a_bidirectional_tower_wants_whole_rows(bidirectional):
    with pytest.raises(ValueError, match="these rows have 5 ids, and this tower reads exactly 6"):
        bidirectional(torch.zeros(2, 5, dtype=torch.long))


def test_a_way_of_reading_that_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="causal=False and pool='eot' do not fit"):
        TextConfig(100, 6, 24, layers=2, heads=3, causal=False)


@pytest.mark.parametrize("layers", [1, 6])
def test_initial_scales(layers):
    torch.manual_seed(0)
    D = 128
    tower = TextTower(TextConfig(vocab_size=2000, context_length=77, width=D, layers=layers, heads=4), embed_dim=64)
    published = {
        "token_embedding.weight": 0.02,
        "pos_embed": 0.01,
        "projection": D**-0.5,
        "attention.qkv.weight": D**-0.5,
        "attention.out.weight": D**-0.5 * (2 * layers) ** -0.5,
        "mlp.fc1.weight": (2 * D) ** -0.5,
        "mlp.fc2.weight": D**-0.5 * (2 * layers) ** -0.5,
    }
    measured = dict(tower.named_parameters())
    for ending, std in published.items():
        matching = [weights for name, weights in measured.items() if name.endswith(ending)]
        assert len(matching) in (1, layers), ending
        for weights in matching:
            assert weights.std().item() == pytest.approx(std, rel=0.04), ending
            assert abs(weights.mean().item()) < 5 * std / weights.numel() ** 0.5, ending


def test_rows_that_are_too_long_are_refused(tower):
    with pytest.raises(ValueError, match=r"these rows have 13 ids, and this tower reads at most 12: tokenize with"):
        tower(torch.zeros(2, 13, dtype=torch.long))


def test_ids_of_another_tokenizer_are_refused(tower):
    with pytest.raises(ValueError, match=r"these rows hold the id 100, and this tower knows ids below 100: tokenize"):
        tower(torch.tensor([[START, 100, END]]))


def test_intermediates_are_what_the_forward_pass_computes(tower, bidirectional):
    ids = torch.tensor([[START, 5, 6, 7, END, 0]])
    for each, place in ((tower, 4), (bidirectional, 5)):
        states, maps = each.intermediates(ids)
        assert [state.shape for state in states] == [(1, 6, 24)] * 3 and [m.shape for m in maps] == [(1, 3, 6, 6)] * 2
        features = each.ln_final(states[-1])[:, place] @ each.projection
        if each.projection_bias is not None:
            features = features + each.projection_bias
        torch.testing.assert_close(features, each(ids), atol=1e-6, rtol=1e-5)
    assert tower.intermediates(ids).attention_maps[0].triu(diagonal=1).eq(0).all(), "no token looks at a later one"
    assert bidirectional.intermediates(ids).attention_maps[0].gt(0).all()


def with_weights_of(theirs: torch.nn.Module, config: TextConfig, table: str) -> TextTower:
    renamed = rename(theirs.state_dict(), table)
    ours = TextTower(config, embed_dim=10)
    ours.load_state_dict({name.removeprefix("text_tower."): tensor for name, tensor in renamed.items()})
    return ours.eval()


# A caption in a row of 12, padded as for Stable Diffusion 1 (the end token again) and 2 (the id 0).
PADDED = {"end": [[START, 5, 6, END] + [END] * 8], "zero": [[START, 5, 6, END] + [0] * 8]}
padded = pytest.mark.parametrize("ids", [torch.tensor(row) for row in PADDED.values()], ids=PADDED)
WIDER = TextConfig(vocab_size=100, context_length=12, width=48, layers=3, heads=3)
CLOSE = {"atol": 1e-5, "rtol": 1e-5}


@padded
@torch.no_grad()
def test_token_states_equal_transformers_for_both_layers(ids: Tensor):
    torch.manual_seed(0)
    shape = {"hidden_size": 48, "intermediate_size": 192, "num_hidden_layers": 3, "num_attention_heads": 3}
    special = {"bos_token_id": START, "eos_token_id": END, "pad_token_id": END, "hidden_act": "quick_gelu"}
    config = transformers.CLIPTextConfig(
        vocab_size=100, max_position_embeddings=12, projection_dim=10, **shape, **special
    )
    theirs = shake(transformers.CLIPTextModelWithProjection(config))
    ours = with_weights_of(theirs, WIDER, transformers_names.TEXT)
    out = theirs(ids, output_hidden_states=True)
    torch.testing.assert_close(ours.encode_text_states(ids), out.last_hidden_state, **CLOSE)
    penultimate = theirs.text_model.final_layer_norm(out.hidden_states[-2])
    torch.testing.assert_close(ours.encode_text_states(ids, layer=-2), penultimate, **CLOSE)
    assert (penultimate - out.last_hidden_state).abs().max() > 0.1, "the two layers differ"


@padded
@torch.no_grad()
def test_token_states_equal_open_clip_for_both_layers(ids: Tensor):
    torch.manual_seed(0)
    theirs = shake(open_clip.transformer.TextTransformer(12, 100, width=48, heads=3, layers=3, output_dim=10))
    ours = with_weights_of(theirs, replace(WIDER, activation="gelu"), open_clip_names.TEXT)
    for layer in (-1, -2):
        x = theirs.token_embedding(ids) + theirs.positional_embedding
        for block in theirs.transformer.resblocks[: 4 + layer]:
            x = block(x, attn_mask=theirs.attn_mask)
        torch.testing.assert_close(ours.encode_text_states(ids, layer), theirs.ln_final(x), **CLOSE)


def test_the_states_of_the_padding_depend_on_what_pads(tower):
    """While those of the caption, its end token among them, do not."""
    end, zero = (tower.encode_text_states(torch.tensor(row)) for row in PADDED.values())
    assert end.shape == (1, 12, 24)
    torch.testing.assert_close(end[:, :4], zero[:, :4])
    assert (end - zero)[:, 4:].abs().amax(dim=-1).min() > 0.1


@pytest.mark.parametrize("layer", [0, 1, -3])
def test_a_layer_that_neither_version_reads_is_refused(tower, layer):
    with pytest.raises(ValueError, match=f"layer is {layer}: take -1 for the states behind the last block.* or -2"):
        tower.encode_text_states(torch.tensor(PADDED["end"]), layer)
