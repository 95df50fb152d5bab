"""Every form of a loss gives the same number and the same gradients as the plain one."""

import pytest
import torch
import torch.nn.functional as F
from open_clip.loss import SigLipLoss

from clip_tutor.losses import (
    chunked_contrastive_loss,
    chunked_sigmoid_loss,
    contrastive_loss,
    distributed_contrastive_loss,
    ring_sigmoid_loss,
    sigmoid_loss,
    sigmoid_loss_spec,
)


def inputs(n: int = 7, *scalars: float) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(n)
    pair = F.normalize(torch.randn(2, n, 6, generator=generator, dtype=torch.float64), dim=-1)
    return [tensor.clone().requires_grad_() for tensor in (*pair, *torch.tensor(scalars, dtype=torch.float64))]


def value_and_gradients(loss, *arguments, **settings) -> list[torch.Tensor]:
    value = loss(*arguments, **settings)
    return [value.detach(), *torch.autograd.grad(value, arguments)]


def assert_same(loss, other, arguments, **settings):
    pairs = zip(value_and_gradients(loss, *arguments, **settings), value_and_gradients(other, *arguments), strict=True)
    for ours, expected in pairs:
        torch.testing.assert_close(ours, expected, atol=1e-12, rtol=1e-12)


every_size = pytest.mark.parametrize(("n", "chunk_size"), [(1, 4), (3, 4), (8, 4), (9, 4), (9, 1), (9, 9)])


@every_size
def test_chunked_softmax_equals_plain(n, chunk_size):
    assert_same(chunked_contrastive_loss, contrastive_loss, inputs(n, 14.3), chunk_size=chunk_size)


@every_size
def test_chunked_sigmoid_equals_plain(n, chunk_size):
    assert_same(chunked_sigmoid_loss, sigmoid_loss, inputs(n, 10.0, -1.5), chunk_size=chunk_size)


def test_alone_the_distributed_forms_are_the_plain_ones():
    assert_same(distributed_contrastive_loss, contrastive_loss, inputs(5, 14.3))
    assert_same(ring_sigmoid_loss, sigmoid_loss, inputs(5, 10.0, -10.0))


def test_sigmoid_equals_its_spec_and_open_clip():
    images, texts, scale, bias = inputs(7, 10.0, -10.0)
    assert_same(sigmoid_loss, sigmoid_loss_spec, (images, texts, scale, bias))
    assert_same(sigmoid_loss, SigLipLoss(), (images, texts, scale, bias))
