"""A captioner too small to wait for."""

from collections.abc import Callable

import pytest
import torch

from clip_tutor.applications.captioning import Captioner, CaptionerConfig, MLPMapperConfig, TransformerMapperConfig
from clip_tutor.applications.language_model import LanguageModel, LanguageModelConfig
from clip_tutor.tokenizers import BPETokenizer

E, N = 16, 4  # an image's vector, the prefix


@pytest.fixture
def make_captioner(tokenizer: BPETokenizer) -> Callable[..., Captioner]:
    """A function that gives a fresh captioner: ``make_captioner(seed=1, normalize=False)``."""

    def make(
        mapper: MLPMapperConfig | TransformerMapperConfig | None = None, seed: int = 0, normalize: bool = True
    ) -> Captioner:
        torch.manual_seed(seed)
        model = LanguageModel(LanguageModelConfig(tokenizer.vocab_size, 40, width=32, layers=1, heads=2))
        return Captioner(CaptionerConfig(E, N, mapper or MLPMapperConfig(), normalize), model).eval()

    return make


@pytest.fixture
def captioner(make_captioner: Callable[..., Captioner]) -> Captioner:
    """A fresh captioner with an MLP mapper."""
    return make_captioner()
