"""Prompts become the rows and states that Stable Diffusion was trained with."""

from pathlib import Path

import open_clip
import pytest
import torch
import transformers

from clip_tutor.applications.diffusion import STABLE_DIFFUSION_1, STABLE_DIFFUSION_2, encode_prompts, prompt_ids
from clip_tutor.model import CLIP, CLIPConfig
from clip_tutor.tokenizers import BPETokenizer
from clip_tutor.towers import TextConfig, ViTConfig
from clip_tutor.zoo import config

PROMPTS = ["a photo of a dog", "", "two cats!!!", "word " * 75]


@pytest.fixture(scope="module")
def published_tokenizer() -> BPETokenizer:
    """CLIP's own, of 49408 ids."""
    return BPETokenizer.from_vocabulary(Path(open_clip.__file__).with_name("bpe_simple_vocab_16e6.txt.gz"))


def test_version_1_repeats_the_end_token(published_tokenizer):
    """As the tokenizer of transformers does, whose padding is the end token."""
    vocabulary = dict(published_tokenizer.token_to_id)
    theirs = transformers.CLIPTokenizer(vocabulary, [tuple(pair) for pair in published_tokenizer.merges])
    expected = theirs(PROMPTS, padding="max_length", max_length=77, return_tensors="pt").input_ids
    ids = prompt_ids(published_tokenizer, PROMPTS, STABLE_DIFFUSION_1.padding)
    assert ids.tolist() == expected.tolist()
    assert ids[1].tolist() == [49406] + [49407] * 76


def test_version_2_fills_up_with_zeros(published_tokenizer):
    ids = prompt_ids(published_tokenizer, PROMPTS, STABLE_DIFFUSION_2.padding)
    assert ids.tolist() == open_clip.tokenize(PROMPTS).tolist()
    assert ids[1].tolist() == [49406, 49407] + [0] * 75


def test_a_prompt_is_cut_only_where_that_is_asked_for(published_tokenizer):
    long = "word " * 76
    with pytest.raises(ValueError, match=r"context_length 77 holds 75 tokens.* this caption has 76"):
        prompt_ids(published_tokenizer, long, "end")
    ids = prompt_ids(published_tokenizer, long, "end", truncate=True)
    assert ids.shape == (1, 77) and ids[0, -2:].tolist() == [2653, 49407]


def test_another_padding_is_refused(published_tokenizer):
    with pytest.raises(ValueError, match=r"no padding 'max_length': take 'end'.* or 'zero'"):
        prompt_ids(published_tokenizer, "a dog", "max_length")


@pytest.fixture(scope="module")
def small_clip(published_tokenizer) -> CLIP:
    torch.manual_seed(0)
    text = TextConfig(published_tokenizer.vocab_size, 77, width=16, layers=2, heads=2)
    return CLIP(CLIPConfig(8, ViTConfig(32, 16, 16, 1, 2), text)).train()


@pytest.mark.parametrize(
    ("version", "layer", "padding"), [(STABLE_DIFFUSION_1, -1, "end"), (STABLE_DIFFUSION_2, -2, "zero")]
)
def test_prompts_are_encoded_whole(small_clip, published_tokenizer, version, layer, padding):
    """All 77 states; the model stays in the mode it was in, and learns nothing."""
    states = encode_prompts(small_clip, published_tokenizer, ["a dog", ""], version)
    assert states.shape == (2, 77, 16) and not states.requires_grad and small_clip.training
    ids = prompt_ids(published_tokenizer, ["a dog", ""], padding)
    torch.testing.assert_close(states, small_clip.encode_text_states(ids, layer))


def test_the_two_versions_name_the_published_text_towers():
    widths = {version.clip: config(version.clip).text.width for version in (STABLE_DIFFUSION_1, STABLE_DIFFUSION_2)}
    assert widths == {"ViT-L/14": 768, "ViT-H-14": 1024}
