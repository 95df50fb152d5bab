"""The published implementations with random weights: what a checkpoint of theirs would hold, without a download."""

import open_clip
import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from clip_tutor import zoo
from clip_tutor.model import CLIP, CLIPConfig
from clip_tutor.weights.loading import assemble


class RepeatedRandomNumbers(TorchDispatchMode):
    """Fill large tensors with the same million random numbers again and again: drawing them all would take longest.

    How many they are is a prime, so that no two rows, and no two columns, are alike.
    """

    DRAWN = 1_000_003
    FILL = (torch.ops.aten.normal_.default, torch.ops.aten.uniform_.default)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func not in self.FILL or args[0].numel() <= self.DRAWN:
            return func(*args, **(kwargs or {}))
        drawn = func(torch.empty(self.DRAWN), *args[1:], **(kwargs or {}))
        for part in args[0].view(-1).split(self.DRAWN):
            part.copy_(drawn[: len(part)])
        return args[0]


def shake(module: nn.Module, seed: int = 0) -> nn.Module:
    """Move every number that starts as 0 or 1 (gains, biases, running statistics) off it, and return the module."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point() and tensor.numel() < 100_000:
            noise = torch.randn(tensor.shape, generator=generator)
            tensor += 0.1 * noise.abs() if name.endswith("running_var") else 0.03 * noise
    return module.eval()


def from_open_clip(name: str, config: CLIPConfig, **settings: object) -> tuple[nn.Module, CLIP]:
    """Return OpenCLIP's model of this name with random weights, and ours with the same."""
    torch.manual_seed(0)
    with RepeatedRandomNumbers():
        theirs = shake(open_clip.create_model(name, pretrained=None, **settings))
    return theirs, assemble(config, theirs.state_dict(), name)


def some_pixels(config: CLIPConfig, count: int = 2, seed: int = 1) -> Tensor:
    """Return (count, 3, H, W) normalized pixels of the size that a model reads."""
    size = config.vision.image_size
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(seed))


def some_ids(config: CLIPConfig, lengths: tuple[int, ...] = (1, 9), seed: int = 2) -> Tensor:
    """Return rows of CLIP's ids: marks around words, zeros behind."""
    V, T = config.text.vocab_size, config.text.context_length
    rows = torch.randint(1, V - 2, (len(lengths), T), generator=torch.Generator().manual_seed(seed))
    rows[:, 0] = V - 2
    for row, length in zip(rows, lengths, strict=True):
        row[length + 1] = V - 1
        row[length + 2 :] = 0
    return rows


@torch.no_grad()
def assert_agree(theirs: nn.Module, ours: CLIP, pixels: Tensor, ids: Tensor) -> None:
    """Hold features and logits of OpenCLIP's model and ours together."""
    images, texts = theirs.encode_image(pixels, normalize=True), theirs.encode_text(ids, normalize=True)
    torch.testing.assert_close(ours.encode_image(pixels, normalize=True), images, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(ours.encode_text(ids, normalize=True), texts, atol=1e-5, rtol=1e-5)
    logits = theirs.logit_scale.exp() * images @ texts.T
    if getattr(theirs, "logit_bias", None) is not None:
        logits = logits + theirs.logit_bias
    torch.testing.assert_close(ours.logits(images, texts), logits, atol=1e-5, rtol=1e-5)


@pytest.fixture(params=list(zoo.OPENAI))
def openai_name(request: pytest.FixtureRequest) -> str:
    """Each of the nine in turn."""
    name: str = request.param
    return name
