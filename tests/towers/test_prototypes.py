"""The head of self-distillation is DINO's: an MLP, unit length, and a weight-normed last layer with gains of 1."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from clip_tutor.towers.prototypes import PrototypeConfig, PrototypeHead


def test_logits_are_those_of_a_weight_normed_layer():
    torch.manual_seed(0)
    head = PrototypeHead(12, PrototypeConfig(prototypes=7, hidden=10, bottleneck=5))
    last = weight_norm(nn.Linear(5, 7, bias=False))
    with torch.no_grad():
        last.parametrizations.weight.original0.fill_(1.0)  # the gains
        last.parametrizations.weight.original1.copy_(head.prototypes)
    x = 30 * torch.randn(4, 6, 12)
    torch.testing.assert_close(head(x), last(F.normalize(head.mlp(x), dim=-1)), atol=1e-6, rtol=1e-5)
    assert head(x).shape == (4, 6, 7)
    assert head(x).abs().max() <= 1 + 1e-6, "cosines cannot grow without bound"
    assert sum(isinstance(layer, nn.Linear) for layer in head.mlp) == 3
