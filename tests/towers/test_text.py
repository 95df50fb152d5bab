"""The text tower: what it reads, what it cannot see, and how its weights begin."""

import pytest
import torch

from clip_tutor.towers import TextConfig, TextTower

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
