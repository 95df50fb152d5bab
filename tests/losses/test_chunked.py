"""The chunked forms give the plain ones' loss and gradients, and never hold the table."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F

from clip_tutor.losses import chunked_contrastive_loss, chunked_sigmoid_loss, contrastive_loss, sigmoid_loss
from tests.losses.largest import Largest

E = 6
KINDS = {
    "softmax": (chunked_contrastive_loss, contrastive_loss, (14.3,)),
    "smoothed softmax": (
        partial(chunked_contrastive_loss, label_smoothing=0.1),
        partial(contrastive_loss, label_smoothing=0.1),
        (14.3,),
    ),
    "sigmoid": (chunked_sigmoid_loss, sigmoid_loss, (10.0, -1.5)),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def inputs(n, *scalars, dtype=torch.float64):
    pair = F.normalize(torch.randn(2, n, E, generator=torch.Generator().manual_seed(n), dtype=dtype), dim=-1)
    return [tensor.clone().requires_grad_() for tensor in (*pair, *torch.tensor(scalars, dtype=dtype))]


def assert_same(loss, other, arguments, tolerance=1e-12):
    value, expected = loss(*arguments), other(*arguments)
    torch.testing.assert_close(value, expected, atol=tolerance, rtol=tolerance)
    # Behind a loss there may be more: gradients must follow what comes from there, and do so again.
    for weight in (1.0, -3.0):
        gradients, theirs = (
            torch.autograd.grad(weight * result, arguments, retain_graph=True) for result in (value, expected)
        )
        torch.testing.assert_close(gradients, theirs, atol=tolerance, rtol=tolerance)


@every_kind
@pytest.mark.parametrize(("n", "chunk_size"), [(1, 4), (3, 4), (8, 4), (9, 4), (9, 1), (9, 9), (301, 128)])
def test_loss_and_gradients_equal_the_plain_form(kind, n, chunk_size):
    chunked, plain, scalars = KINDS[kind]
    assert_same(partial(chunked, chunk_size=chunk_size), plain, inputs(n, *scalars))


@every_kind
@pytest.mark.parametrize("scale", [1.0, 100.0, 400.0])
def test_no_scale_is_too_large(kind, scale):
    """e^100 is more than float32 holds; bright and dark rows stand side by side here."""
    chunked, plain, scalars = KINDS[kind]
    images, texts, *_ = inputs(9)
    texts = torch.cat([images[:3], -images[3:6], texts[6:]]).detach()
    arguments = [tensor.detach().float().requires_grad_() for tensor in (images, texts)]
    arguments += [torch.tensor(value, requires_grad=True) for value in (scale, *scalars[1:])]
    assert_same(partial(chunked, chunk_size=2), plain, arguments, 1e-5)


@every_kind
def test_numbers_may_stand_for_tensors_and_a_tower_may_be_frozen(kind):
    chunked, plain, scalars = KINDS[kind]
    images, texts = inputs(7)
    gradients = [torch.autograd.grad(loss(images.detach(), texts, *scalars), texts) for loss in (chunked, plain)]
    torch.testing.assert_close(*gradients, atol=1e-12, rtol=1e-12)


@every_kind
def test_it_asks_for_pairs_of_unit_length(kind):
    images, texts, *scalars = inputs(7, *KINDS[kind][2])
    with pytest.raises(ValueError, match="image_features must have rows of unit length"):
        KINDS[kind][0](2 * images, texts, *scalars)
    with pytest.raises(ValueError, match=r"\(7, 6\) image vectors and \(6, 6\) caption vectors"):
        KINDS[kind][0](images, texts[:6], *scalars)


@every_kind
def test_no_tensor_is_larger_than_a_chunk(kind):
    chunked, plain, scalars = KINDS[kind]
    n, chunk_size = 64, 8
    sizes, kept = {}, {}
    for loss in (partial(chunked, chunk_size=chunk_size), plain):
        arguments, saved = inputs(n, *scalars), []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda tensor, saved=saved: saved.append(tensor.numel()) or tensor, lambda tensor: tensor
        ):
            value = loss(*arguments)
        with Largest() as largest:
            torch.autograd.grad(loss(*arguments), arguments)
        sizes[loss], kept[loss] = largest.size, sum(saved)
        assert value.ndim == 0
    ours, plains = sizes
    assert sizes[ours] == chunk_size * n
    assert sizes[plains] == n * n
    assert kept[ours] < 10 * n * E < n * n < kept[plains]
