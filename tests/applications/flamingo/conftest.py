"""A Flamingo too small to wait for."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from clip_tutor.applications.flamingo import Flamingo, FlamingoConfig
from clip_tutor.applications.language_model import LanguageModel, LanguageModelConfig

V, D = 12, 32  # vocabulary and width of the language model
IMAGE, END = V, 3  # ids of the mark and of the end token
N, WIDE = 9, 24  # places of an image, and their width
SMALL = {"latents": 4, "resampler_depth": 2, "heads": 2, "head_width": 8}


@pytest.fixture
def make_flamingo() -> Callable[..., Flamingo]:
    """A function that gives one, as it is at the start or with open gates: ``make_flamingo(gates=0.5, every=2)``."""

    def make(layers: int = 2, gates: float | None = None, seed: int = 0, **fields: Any) -> Flamingo:
        torch.manual_seed(seed)
        model = LanguageModel(LanguageModelConfig(V, 20, D, layers, heads=2))
        for parameter in model.parameters():  # its first weights are so small that all tokens are about alike
            parameter.data += 0.1 * torch.randn_like(parameter)
        flamingo = Flamingo(FlamingoConfig(WIDE, **SMALL | fields), model).eval()
        for block in flamingo.gated if gates is not None else ():
            block.attention_gate.data.fill_(gates)
            block.mlp_gate.data.fill_(gates)
        return flamingo

    return make
