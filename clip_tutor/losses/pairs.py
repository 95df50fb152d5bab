"""What every loss asks of its input: one caption for each image, and all vectors of unit length."""

import torch
from torch import Tensor


def check_features(image_features: Tensor, text_features: Tensor) -> None:
    """Raise a ValueError unless the two have the same shape (B, E) and rows of unit length, give or take 1 %."""
    if image_features.shape != text_features.shape:
        raise ValueError(
            f"{tuple(image_features.shape)} image vectors and {tuple(text_features.shape)} caption vectors: "
            "the loss needs one caption for each image, in the same order"
        )
    _require_unit_length("image_features", image_features)
    _require_unit_length("text_features", text_features)


def _require_unit_length(name: str, features: Tensor) -> None:
    norms = features.detach().float().norm(dim=-1)
    if not torch.allclose(norms, torch.ones_like(norms), atol=1e-2):
        raise ValueError(
            f"{name} must have rows of unit length, and theirs run from {norms.min():.3g} to {norms.max():.3g}: "
            "divide each row by its length first, torch.nn.functional.normalize(features, dim=-1)"
        )
