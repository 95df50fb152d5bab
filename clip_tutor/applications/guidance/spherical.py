"""Spherical distance: half the square of the angle between two vectors.

              x̂ ●
              ╱ ╲ chord = ‖x̂ − ŷ‖ = 2 sin(θ/2)        θ = 2 arcsin(chord / 2)
             ╱   ╲
           0 ──θ── ● ŷ                                distance = θ² / 2 = 2 arcsin(chord / 2)²

Why not 1 − cos θ, which is 0 at the same place? Its slope is sin θ, and that falls again beyond a right angle: who is
farthest away is pulled least. The slope of θ²/2 is θ (``test_the_farther_away_the_harder_it_pulls``).

Source: Crowson, "CLIP guided diffusion", function spherical_dist_loss.
"""

import torch.nn.functional as F
from torch import Tensor

_NEARLY_OPPOSITE = 1 - 1e-6  # of half a chord; at 1 itself the slope of arcsin is infinite


def spherical_distance(x: Tensor, y: Tensor) -> Tensor:
    """Return (…) the spherical distances of (…, E) and (…, E) vectors of any length, from 0 to π²/2.

    Raises:
        ValueError: the vectors are not equally long.
    """
    if x.shape[-1] != y.shape[-1]:
        raise ValueError(
            f"vectors of {x.shape[-1]} and of {y.shape[-1]} numbers have no angle between them: encode image and "
            "caption with the same CLIP"
        )
    chord = (F.normalize(x, dim=-1) - F.normalize(y, dim=-1)).norm(dim=-1)  # (…), from 0 to 2
    # Without the limit opposite vectors would have no gradient: ``test_opposite_vectors_have_a_gradient``.
    angle = 2 * (chord / 2).clamp(max=_NEARLY_OPPOSITE).arcsin()
    return angle**2 / 2
