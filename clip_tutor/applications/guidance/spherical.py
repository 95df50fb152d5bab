"""How far two vectors point apart, as guidance with CLIP measures it.

Source: Katherine Crowson's CLIP guided diffusion, function ``spherical_dist_loss``: 2 · arcsin(‖x − y‖ / 2)².
"""

import torch.nn.functional as F
from torch import Tensor


def spherical_distance(a: Tensor, b: Tensor) -> Tensor:
    """Return (...) half the squared angle, in radians, between (..., E) vectors, which need no unit length."""
    a, b = F.normalize(a, dim=-1), F.normalize(b, dim=-1)
    return 2 * (a - b).norm(dim=-1).div(2).arcsin().square()
