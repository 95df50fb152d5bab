"""A denoiser too small to wait for."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from clip_tutor.applications.diffusion import Denoiser, DenoiserConfig

T, D = 5, 12  # tokens of a caption, width of their states
SMALL = {"text_width": D, "image_size": 16, "widths": (8, 16), "heads": 2}


@pytest.fixture
def make_denoiser() -> Callable[..., Denoiser]:
    """A function that gives one: fresh, or with weights that say something, ``make_denoiser(moved=0.3)``."""

    def make(moved: float = 0.0, **fields: Any) -> Denoiser:
        torch.manual_seed(0)
        denoiser = Denoiser(DenoiserConfig(**SMALL | fields)).eval()
        for parameter in denoiser.parameters():
            parameter.data += moved * torch.randn_like(parameter)
        return denoiser

    return make
