"""The language model: logits of the published GPT-2, its first weights, and what it refuses."""

import pytest
import torch
import torch.nn.functional as F
import transformers
from packaging.version import Version

from clip_tutor.applications.language_model import (
    LANGUAGE_MODELS,
    LanguageModel,
    LanguageModelConfig,
    check_vocabulary,
    next_token_loss,
)
from clip_tutor.applications.language_model.pretrained import assemble_gpt2

CLOSE = {"atol": 1e-5, "rtol": 1e-5}


@pytest.mark.parametrize(("width", "layers", "tokens"), [(16, 1, 1), (32, 2, 7), (64, 4, 40)])
@torch.no_grad()
def test_logits_equal_the_published_ones(make_pair, width, layers, tokens):
    theirs, ours = make_pair(width=width, layers=layers)
    ids = torch.randint(60, (3, tokens))
    expected = theirs(ids).logits
    assert expected.std() > 0.1
    torch.testing.assert_close(ours.logits(ids), expected, **CLOSE)
    embeddings = torch.randn(3, tokens, width)
    torch.testing.assert_close(ours(embeddings), theirs(inputs_embeds=embeddings).logits, **CLOSE)


@pytest.mark.slow
@torch.no_grad()
def test_gpt2_equals_the_published_one():
    torch.manual_seed(0)
    theirs = transformers.GPT2LMHeadModel(transformers.GPT2Config()).eval()
    ours = assemble_gpt2(LANGUAGE_MODELS["gpt2"], theirs.state_dict(), "theirs")
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters()) == 124_439_808
    ids = torch.randint(50_257, (1, 60))
    torch.testing.assert_close(ours.logits(ids), theirs(ids).logits, **CLOSE)


def test_no_token_sees_a_later_one(ours):
    ids = torch.randint(60, (2, 9))
    changed = ids.clone()
    changed[:, 5] = (ids[:, 5] + 1) % 60
    before, after = ours.logits(ids), ours.logits(changed)
    torch.testing.assert_close(before[:, :5], after[:, :5], atol=0, rtol=0)
    assert (before[:, 5:] - after[:, 5:]).abs().amax(dim=-1).gt(0).all()


def test_initial_scales_are_gpt2s():
    torch.manual_seed(0)
    model = LanguageModel(LanguageModelConfig(vocab_size=600, context_length=300, width=128, layers=8, heads=2))
    theirs = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(vocab_size=600, n_positions=300, n_embd=128, n_layer=8, n_head=2)
    )
    block, their_block = model.blocks[3], theirs.transformer.h[3]
    pairs = [
        (model.token_embedding.weight, theirs.transformer.wte.weight),
        (model.pos_embed, theirs.transformer.wpe.weight),
        (block.attention.qkv.weight, their_block.attn.c_attn.weight),
        (block.mlp.fc1.weight, their_block.mlp.c_fc.weight),
    ]
    for one, other in pairs:
        assert one.std().item() == pytest.approx(other.std().item(), rel=0.05)
    # GPT-2's paper: those that write to the residual stream by 1 / √(its 2 · layers parts); some releases forget it.
    written = [
        (block.attention.out.weight, their_block.attn.c_proj.weight),
        (block.mlp.fc2.weight, their_block.mlp.c_proj.weight),
    ]
    for one, other in written:
        assert one.std().item() == pytest.approx(0.02 / 4, rel=0.05)
        if Version(transformers.__version__) >= Version("5.20"):
            assert one.std().item() == pytest.approx(other.std().item(), rel=0.05)
    assert all(p.eq(0).all() for name, p in model.named_parameters() if name.endswith("bias"))


def test_intermediates_are_those_of_the_forward_pass(ours):
    embeddings = ours.embed(torch.randint(60, (2, 5)))
    states, maps = ours.intermediates(embeddings)
    assert (len(states), len(maps)) == (3, 2)
    torch.testing.assert_close(ours.head(ours.ln_final(states[-1])), ours(embeddings))
    assert maps[0].shape == (2, 4, 5, 5)
    assert maps[0].triu(diagonal=1).eq(0).all()


# ---- the loss -------------------------------------------------------------------------------------------------------


def test_the_loss_is_the_published_one(make_pair):
    theirs, ours = make_pair()
    ids = torch.randint(59, (3, 8))
    torch.testing.assert_close(next_token_loss(ours.logits(ids), ids, 59), theirs(ids, labels=ids).loss)


def test_what_follows_the_end_does_not_count(ours):
    ids = torch.tensor([[5, 6, 59, 59, 59], [7, 8, 9, 10, 59]])
    logits = ours.logits(ids)
    targets = [(0, 0, 6), (0, 1, 59), (1, 0, 8), (1, 1, 9), (1, 2, 10), (1, 3, 59)]  # row, place, what comes next
    expected = torch.stack([F.cross_entropy(logits[row, t], torch.tensor(i)) for row, t, i in targets]).mean()
    torch.testing.assert_close(next_token_loss(logits, ids, 59), expected)


def test_a_text_may_begin_with_the_end_token(ours):
    """As GPT-2's do: the first token is no target, and the end after the last word is one."""
    ids = torch.tensor([[59, 5, 6, 59, 59]])
    logits = ours.logits(ids)
    expected = F.cross_entropy(logits[0, :3], torch.tensor([5, 6, 59]))
    torch.testing.assert_close(next_token_loss(logits, ids, 59), expected)


def test_the_last_vector_of_a_prefix_predicts_the_first_token(ours):
    ids = torch.tensor([[5, 6, 59, 59]])
    logits = ours(torch.cat([torch.randn(1, 3, 32), ours.embed(ids)], dim=1))
    expected = F.cross_entropy(logits[0, 2:5], torch.tensor([5, 6, 59]))
    torch.testing.assert_close(next_token_loss(logits, ids, 59), expected)


def test_a_loss_without_predictions_is_refused(ours):
    ids = torch.tensor([[5]])
    with pytest.raises(ValueError, match=r"1 places predict nothing of 1 tokens: .*needs two tokens"):
        next_token_loss(ours.logits(ids), ids, 59)
    with pytest.raises(ValueError, match="4 places predict nothing of 5 tokens: pass the logits of the whole text"):
        next_token_loss(torch.zeros(1, 4, 60), torch.zeros(1, 5, dtype=torch.long), 59)


def test_training_learns_a_sentence():
    torch.manual_seed(0)
    model = LanguageModel(LanguageModelConfig(vocab_size=10, context_length=8, width=32, layers=1, heads=2))
    ids = torch.tensor([[1, 2, 3, 2, 4, 9, 9]])
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(60):
        loss = next_token_loss(model.logits(ids), ids, end_id=9)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.05
    assert model.logits(ids)[0, :5].argmax(dim=-1).tolist() == [2, 3, 2, 4, 9]


# ---- bad input ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "match"),
    [
        (
            (2, 0, 32),
            "the prompt is empty, .*begin with the vectors of a prefix or with the embedding of a start",
        ),
        ((2, 5, 31), "these embeddings are 31 wide, and this language model's are 32: map a prefix to 32 numbers"),
        ((2, 41, 32), "the context holds 40 tokens, and these are 41: shorten"),
        ((5, 32), r"embeddings of shape \(B, T, D\), and these have \(5, 32\): turn ids into vectors with model.embed"),
    ],
)
def test_what_cannot_be_read_is_refused(ours, shape, match):
    with pytest.raises(ValueError, match=match):
        ours(torch.zeros(shape))


def test_ids_beyond_the_vocabulary_are_refused(ours):
    with pytest.raises(ValueError, match="the id 60, and this tower knows ids below 60"):
        ours.logits(torch.tensor([[60]]))


def test_a_vocabulary_of_another_size_is_refused(ours, tokenizer):
    with pytest.raises(ValueError, match=rf"has {tokenizer.vocab_size} ids and the language model 60: .*vocab_size="):
        check_vocabulary(tokenizer, ours.config)
