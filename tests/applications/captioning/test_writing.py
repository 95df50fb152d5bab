"""Captions are written by the language model's own functions, from the prefix on."""

import pytest
import torch

from clip_tutor.applications.captioning import Captioner, write_captions
from clip_tutor.applications.language_model import generation, top_p
from clip_tutor.tokenizers import BPETokenizer
from tests.applications.captioning.conftest import E, N


@pytest.fixture
def talkative(captioner: Captioner) -> Captioner:
    """One whose captions have many tokens, each another."""
    torch.manual_seed(1)
    for parameter in captioner.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return captioner


def test_captions_are_the_plain_continuation_of_the_prefix(
    talkative: Captioner, tokenizer: BPETokenizer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("clip_tutor.applications.captioning.writing.BATCH", 3)
    vectors = torch.randn(7, E)
    with torch.no_grad():
        prefix = talkative.prefix(vectors)
    rows = generation.generate(talkative.language_model, prefix, end_id=tokenizer.end_id, max_tokens=40 - N)
    expected = [tokenizer.decode(row) for row in rows]
    assert len(set(expected)) > 3
    assert write_captions(talkative, tokenizer, vectors) == expected
    assert write_captions(talkative, tokenizer, vectors[:0]) == []


def test_beams_find_captions_at_least_as_likely(talkative: Captioner, tokenizer: BPETokenizer):
    vectors = torch.randn(5, E)
    one, five = (write_captions(talkative, tokenizer, vectors, beams=beams, max_tokens=5) for beams in (1, 5))
    assert one != five


def test_what_is_drawn_depends_on_the_seed(talkative: Captioner, tokenizer: BPETokenizer):
    vectors = torch.randn(5, E)

    def drawn(seed: int) -> list[str]:
        choose = top_p(0.9, generator=torch.Generator().manual_seed(seed))
        return write_captions(talkative, tokenizer, vectors, choose=choose)

    assert drawn(1) == drawn(1) != drawn(2)


def test_more_tokens_than_there_is_room_for_are_refused(captioner: Captioner, tokenizer: BPETokenizer):
    with pytest.raises(ValueError, match=f"a prompt of {N} tokens and 37 new ones need 41 places.*ask for at most 36"):
        write_captions(captioner, tokenizer, torch.randn(1, E), max_tokens=37)


def test_another_tokenizer_is_refused(captioner: Captioner, tokenizer: BPETokenizer):
    other = BPETokenizer(tokenizer.merges[:-1], context_length=32)
    with pytest.raises(ValueError, match="take the vocabulary that the model was trained with"):
        write_captions(captioner, other, torch.randn(1, E))
