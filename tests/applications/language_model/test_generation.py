"""Writing text: the plain way, the cached way and transformers write the same."""

import pytest
import torch
from transformers.generation.logits_process import TopPLogitsWarper

from clip_tutor.applications.language_model import beam, cached, generation, top_p
from clip_tutor.applications.language_model.beam import Beams
from clip_tutor.applications.language_model.choosing import keep_top_p

END = 7
PROMPTS = ((1, 1), (2, 3), (3, 9))  # B, T


def some_prompts(seed: int) -> torch.Tensor:
    B, T = PROMPTS[seed % len(PROMPTS)]
    return torch.randint(END, (B, T), generator=torch.Generator().manual_seed(seed))


def theirs_write(theirs, ids, by_embeddings: bool = False, **settings) -> list[list[int]]:
    """What transformers writes after these ids, up to the end token."""
    prompt = {"inputs_embeds": theirs.transformer.wte(ids)} if by_embeddings else {"inputs": ids}
    written = theirs.generate(**prompt, attention_mask=torch.ones_like(ids), **settings).tolist()
    rows = written if by_embeddings else [row[ids.shape[1] :] for row in written]
    return [row[: row.index(END) + 1] if END in row else row for row in rows]


@pytest.mark.slow
@pytest.mark.parametrize("by_embeddings", [False, True])
def test_greedy_texts_equal_transformers(make_pair, by_embeddings):
    lengths = set()
    for seed in range(9):
        theirs, ours = make_pair(seed, vocab_size=END + 1, noise=0.4)
        ids = some_prompts(seed)
        for max_tokens in (1, 25):
            expected = theirs_write(theirs, ids, by_embeddings, max_new_tokens=max_tokens, do_sample=False, num_beams=1)
            lengths |= {len(row) for row in expected}
            for way in (generation, cached):
                assert way.generate(ours, ours.embed(ids), end_id=END, max_tokens=max_tokens) == expected
    assert len(lengths) > 4, "some texts end before they must"


@pytest.mark.slow
@pytest.mark.parametrize(("beams", "length_penalty"), [(2, 1.0), (5, 1.0), (3, 0.0), (4, 1.2)])
def test_beam_texts_equal_transformers(make_pair, beams, length_penalty):
    lengths, other_than_greedy = set(), 0
    for seed in range(14):
        theirs, ours = make_pair(seed, vocab_size=END + 1, noise=0.4)
        ids = some_prompts(seed)
        settings = {"num_beams": beams, "length_penalty": length_penalty, "do_sample": False}
        for max_tokens in (1, 3, 20):
            expected = theirs_write(theirs, ids, seed % 2 == 1, max_new_tokens=max_tokens, **settings)
            lengths |= {len(row) for row in expected}
            ask = {"end_id": END, "max_tokens": max_tokens}
            for way in (beam, cached):
                found = way.generate_beam(ours, ours.embed(ids), **ask, beams=beams, length_penalty=length_penalty)
                assert found == expected
            other_than_greedy += cached.generate(ours, ours.embed(ids), **ask) != expected
    assert len(lengths) > 4
    assert other_than_greedy > 5


def test_one_beam_is_greedy(make_pair):
    for seed in range(5):
        _, ours = make_pair(seed, vocab_size=END + 1, noise=0.4)
        embeddings = ours.embed(some_prompts(seed))
        ask = {"end_id": END, "max_tokens": 10}
        assert cached.generate_beam(ours, embeddings, **ask, beams=1) == cached.generate(ours, embeddings, **ask)


def test_the_cache_changes_no_text(make_pair):
    """Drawn texts, too: both ways ask the same random numbers."""
    for seed in range(4):
        _, ours = make_pair(seed, vocab_size=END + 1, noise=0.4)
        embeddings = torch.randn(3, 4, 32, generator=torch.Generator().manual_seed(seed))
        ask = {"end_id": END, "max_tokens": 30}
        plain, fast = (
            [
                way.generate(ours, embeddings, **ask),
                way.generate(ours, embeddings, **ask, choose=top_p(0.9, 1.3, torch.Generator().manual_seed(seed))),
            ]
            for way in (generation, cached)
        )
        assert fast == plain
        ask |= {"beams": 4}
        assert cached.generate_beam(ours, embeddings, **ask) == beam.generate_beam(ours, embeddings, **ask)


@torch.no_grad()
def test_cached_logits_equal_the_plain_ones(ours):
    embeddings, ids = torch.randn(4, 5, 32), torch.randint(60, (4, 6))
    text = cached.CachedText(ours, embeddings, max_tokens=8)
    torch.testing.assert_close(text.logits, ours(embeddings)[:, -1], atol=1e-5, rtol=1e-5)
    for t in range(6):
        text.append(ids[:, t])
        embeddings = torch.cat([embeddings, ours.embed(ids[:, t : t + 1])], dim=1)
        if t in (2, 4):
            rows = torch.tensor([3, 3, 0, 1])
            text.keep(rows)
            embeddings, ids = embeddings[rows], ids[rows]
        else:
            torch.testing.assert_close(text.logits, ours(embeddings)[:, -1], atol=1e-5, rtol=1e-5)


# ---- sampling -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [1e-9, 0.05, 0.5, 0.8, 0.999, 1.0])
def test_the_tail_is_transformers(p):
    logits = 3 * torch.randn(50, 300, generator=torch.Generator().manual_seed(0))
    expected = TopPLogitsWarper(p)(None, logits) if p < 1 else logits
    torch.testing.assert_close(keep_top_p(logits, p), expected, atol=0, rtol=0)


def test_the_kept_tokens_are_the_fewest_that_hold_p():
    logits = torch.tensor([[0.1, 0.5, 0.15, 0.25]]).log()
    kept = [keep_top_p(logits, p).isfinite()[0].tolist() for p in (0.01, 0.6, 0.8, 1.0)]
    assert kept == [[False, True, False, False], [False, True, False, True], [False, True, True, True], [True] * 4]


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [0.7, 1.5])
def test_drawn_texts_equal_transformers(make_pair, temperature):
    """From the same seed, token by token."""
    for seed in range(6):
        theirs, ours = make_pair(seed, vocab_size=END + 1, noise=0.4)
        ids = some_prompts(seed)
        torch.manual_seed(seed)
        expected = theirs_write(
            theirs, ids, max_new_tokens=20, do_sample=True, top_p=0.8, top_k=0, temperature=temperature
        )
        choose = top_p(0.8, temperature, torch.Generator().manual_seed(seed))
        found = cached.generate(ours, ours.embed(ids), end_id=END, max_tokens=20, choose=choose)
        assert found == expected


def test_tokens_are_drawn_as_often_as_they_are_likely():
    logits = torch.tensor([0.6, 0.25, 0.1, 0.05]).log().expand(20_000, 4)
    drawn = top_p(0.9, generator=torch.Generator().manual_seed(0))(logits)
    shares = drawn.bincount(minlength=4) / len(drawn)
    torch.testing.assert_close(shares, torch.tensor([0.6, 0.25, 0.1, 0.0]) / 0.95, atol=0.015, rtol=0)


def test_a_low_temperature_is_greedy(ours):
    embeddings = torch.randn(3, 4, 32)
    ask = {"end_id": 59, "max_tokens": 12}
    cold = cached.generate(ours, embeddings, **ask, choose=top_p(1.0, temperature=1e-4))
    assert cold == cached.generate(ours, embeddings, **ask)


# ---- bad input ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [generation.generate, beam.generate_beam, cached.generate, cached.generate_beam])
@pytest.mark.parametrize(
    ("shape", "max_tokens", "match"),
    [
        ((1, 0, 32), 3, "the prompt is empty"),
        ((1, 4, 16), 3, "these embeddings are 16 wide, and this language model's are 32"),
        ((1, 4, 32), 37, "a prompt of 4 tokens and 37 new ones need 41 places, .* has 40: ask for at most 36"),
        ((1, 40, 32), 1, "need 41 places, and the context has 40: shorten the prompt"),
        ((1, 4, 32), 0, "max_tokens is 0: ask for at least one token"),
    ],
)
def test_what_cannot_be_continued_is_refused(ours, way, shape, max_tokens, match):
    with pytest.raises(ValueError, match=match):
        way(ours, torch.zeros(shape), end_id=59, max_tokens=max_tokens)


def test_the_whole_context_can_be_written(ours):
    for way in (generation.generate, beam.generate_beam, cached.generate, cached.generate_beam):
        (written,) = way(ours, torch.zeros(1, 4, 32), end_id=-1, max_tokens=36)
        assert len(written) == 36


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"p": 0.0}, "p is 0.0: it is a share of the probability"),
        ({"p": 1.1}, "p is 1.1"),
        ({"p": 0.8, "temperature": 0.0}, "temperature is 0.0: .*choose=greedy"),
    ],
)
def test_odd_sampling_is_refused(settings, match):
    with pytest.raises(ValueError, match=match):
        top_p(**settings)


def test_no_beams_are_refused():
    with pytest.raises(ValueError, match="0 beams keep no text: take at least one"):
        Beams(0, end_id=1, max_tokens=3, length_penalty=1.0)
