"""What the tests of convolutional towers share: published towers that seem trained, and their weights in ours.

Most towers are compared in float64, to 1e-9: a random network of 50 layers magnifies rounding errors, the published
one's own as well, and float32 alone could not tell a wrong padding from them.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clip_tutor.weights.renaming import rename


@torch.no_grad()
def liven(tower: nn.Module, pixels: Tensor) -> nn.Module:
    """Return a published tower, in evaluation and in the pixels' number type, that has seen these images.

    BatchNorm's running figures are theirs, and nothing else is left at the 0 or 1 it starts from.
    """
    norms = [module for module in tower.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, std=0.2)
        norm.momentum = 1.0  # the newest batch is all that counts
    for name, parameter in tower.named_parameters():
        if name.endswith("gamma"):  # ConvNeXt's factors, which start at one in a million
            nn.init.normal_(parameter, std=0.3)
        elif name.endswith("bias") and not parameter.any():
            nn.init.normal_(parameter, std=0.1)
    tower.to(pixels.dtype).train()(pixels)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return tower.eval()


def take_weights(ours: nn.Module, theirs: nn.Module, table: str, prefix: str) -> nn.Module:
    """Return our tower with the tensors of theirs, renamed by a table for whole models; none may be left over."""
    renamed = rename({prefix + name: tensor for name, tensor in theirs.state_dict().items()}, table)
    ours.to(next(theirs.parameters()).dtype)
    ours.load_state_dict({name.removeprefix("image_tower."): tensor for name, tensor in renamed.items()})
    return ours.train(theirs.training)


def images(count: int, size: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Return (count, 3, size, size) pixels, always the same."""
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(1), dtype=dtype)


def assert_same(ours: Tensor, theirs: Tensor) -> None:
    """Hold the features of some images together: to 1e-9 in float64; in float32 to 1e-5, made as long as one."""
    assert theirs.std(dim=0).max() > 0.01, "the features are those of one image"
    if theirs.dtype == torch.float64:
        torch.testing.assert_close(ours, theirs, atol=1e-9, rtol=1e-9)
    else:
        ours, theirs = F.normalize(ours, dim=-1), F.normalize(theirs, dim=-1)
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def assert_trains_alike(ours: nn.Module, theirs: nn.Module, pixels: Tensor, table: str, prefix: str) -> None:
    """Hold a step of training together: features, the gradients of all parameters, then the running figures."""
    expected, got = theirs.train()(pixels), ours.train()(pixels)
    assert_same(got, expected)
    for features in (expected, got):
        (features * torch.linspace(-1, 1, features.shape[1])).sum().backward()
    gradients = rename({prefix + name: p.grad for name, p in theirs.named_parameters()}, table)
    assert len(gradients) == len(list(ours.parameters()))
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, gradients["image_tower." + name], atol=1e-8, rtol=1e-6)
    buffers = rename({prefix + name: tensor for name, tensor in theirs.state_dict().items()}, table)
    for name, buffer in ours.named_buffers():
        torch.testing.assert_close(buffer, buffers["image_tower." + name], atol=1e-9, rtol=1e-9)
