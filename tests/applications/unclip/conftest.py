"""A prior and a decoder too small to wait for, and a CLIP in a file for them to belong to."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from clip_tutor.applications.diffusion import DenoiserConfig
from clip_tutor.applications.unclip import Decoder, Prior, PriorConfig
from clip_tutor.weights import save

E, T, D = 16, 5, 12  # of embeddings; tokens of a caption, width of their states


def moved(model: nn.Module, by: float) -> None:
    for parameter in model.parameters():
        parameter.data += by * torch.randn_like(parameter)


@pytest.fixture
def make_prior() -> Callable[..., Prior]:
    """A function that gives a fresh one: ``make_prior(text_width=16)``."""

    def make(**fields: Any) -> Prior:
        torch.manual_seed(0)
        shape = {"text_width": D, "context_length": T, "width": 24, "layers": 2, "heads": 2} | fields
        prior = Prior(PriorConfig(E, **shape)).eval()
        moved(prior, 0.1)
        return prior

    return make


@pytest.fixture
def make_decoder() -> Callable[..., Decoder]:
    """A function that gives one with weights that say something: ``make_decoder(0.3)``."""

    def make(by: float = 0.2, **fields: Any) -> Decoder:
        torch.manual_seed(0)
        shape = {"text_width": 8, "image_size": 16, "widths": (8, 16), "heads": 2} | fields
        decoder = Decoder(DenoiserConfig(**shape), E).eval()
        moved(decoder, by)
        return decoder

    return make


@pytest.fixture
def clip_file(tmp_path: Path, make_model, tokenizer) -> Path:
    """A CLIP in a file; its embeddings and its token states have 16 numbers."""
    path = tmp_path / "clip.safetensors"
    save(path, make_model(), tokenizer)
    return path
