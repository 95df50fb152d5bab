"""Vectors with known groups, and a rater whose taste is known."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

E = 24
COLORS = ("red", "green", "blue", "gray")


@pytest.fixture
def random() -> torch.Generator:
    """The same random numbers in each test."""
    return torch.Generator().manual_seed(0)


@pytest.fixture
def features(random) -> Tensor:
    """Unit vectors (80, E)."""
    return F.normalize(torch.randn(80, E, generator=random), dim=1)


@pytest.fixture
def taste(random) -> Tensor:
    """The direction (E,) that a rater likes."""
    return F.normalize(torch.randn(E, generator=random), dim=0)
