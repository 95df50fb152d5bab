"""A published GPT-2 of any size with random weights, and ours with the same."""

from collections.abc import Callable

import pytest
import torch
import transformers

from clip_tutor.applications.language_model import LanguageModel, LanguageModelConfig
from clip_tutor.applications.language_model.pretrained import assemble_gpt2

Pair = tuple[transformers.GPT2LMHeadModel, LanguageModel]
MakePair = Callable[..., Pair]


@pytest.fixture(scope="session")
def make_pair() -> MakePair:
    """A function that gives both: ``make_pair(seed=1, vocab_size=60)``; the last id ends a text."""

    def make(
        seed: int = 0,
        vocab_size: int = 60,
        context_length: int = 40,
        width: int = 32,
        layers: int = 2,
        noise: float = 0.1,
    ) -> Pair:
        torch.manual_seed(seed)
        sizes = {"n_positions": context_length, "n_embd": width, "n_layer": layers, "n_head": 4}
        ends = {"bos_token_id": vocab_size - 1, "eos_token_id": vocab_size - 1, "pad_token_id": vocab_size - 1}
        theirs = transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=vocab_size, **sizes, **ends)).eval()
        for parameter in theirs.parameters():  # its first weights are so small that all tokens are about alike
            parameter.data += noise * torch.randn_like(parameter)
        config = LanguageModelConfig(vocab_size, context_length, width, layers, heads=4)
        return theirs, assemble_gpt2(config, theirs.state_dict(), "theirs")

    return make


@pytest.fixture(scope="session")
def ours(make_pair: MakePair) -> LanguageModel:
    """A small language model of 60 tokens and a context of 40."""
    return make_pair()[1]
