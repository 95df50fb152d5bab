"""Two and four processes, each with its share of the pairs, find the loss and the gradients of the whole batch."""

from functools import partial

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F

from clip_tutor.losses import contrastive_loss, distributed_contrastive_loss, ring_sigmoid_loss, sigmoid_loss
from tests.forking import run_together
from tests.losses.largest import Largest

B, E = 5, 3  # of each process
SAME = {"atol": 1e-12, "rtol": 1e-12}
KINDS = {
    "softmax": (distributed_contrastive_loss, contrastive_loss, (14.3,)),
    "smoothed softmax": (
        partial(distributed_contrastive_loss, label_smoothing=0.1),
        partial(contrastive_loss, label_smoothing=0.1),
        (14.3,),
    ),
    "sigmoid": (ring_sigmoid_loss, sigmoid_loss, (10.0, -1.5)),
}


def whole_batch(world, scalars):
    generator = torch.Generator().manual_seed(0)
    pair = F.normalize(torch.randn(2, B * world, E, generator=generator, dtype=torch.float64), dim=-1)
    return [tensor.clone().requires_grad_() for tensor in (*pair, *torch.tensor(scalars, dtype=torch.float64))]


def own_share(whole, rank):
    """This process' rows, and its own copy of each scalar."""
    rows = slice(B * rank, B * rank + B)
    return [tensor.detach()[rows if tensor.ndim else ...].clone().requires_grad_() for tensor in whole]


def averaged(gradient, rank, world):
    """What DistributedDataParallel makes of it: for a scalar the mean, for a row 1 / W of what its owner got."""
    if gradient.ndim:
        return gradient / world
    dist.all_reduce(gradient)
    return gradient / world


def local_loss_without_gradients(images, texts, scale, rank, world):
    """What many first write: a gather that gives constants, and the loss of one's own rows and columns."""
    everyone = []
    for features in (images, texts):
        gathered = [torch.empty_like(features) for _ in range(world)]
        dist.all_gather(gathered, features.detach())
        gathered[rank] = features
        everyone.append(torch.cat(gathered))
    right = torch.arange(B) + B * rank
    by_row = F.cross_entropy(scale * images @ everyone[1].T, right)
    return (by_row + F.cross_entropy(scale * texts @ everyone[0].T, right)) / 2


def compare_with_the_whole_batch(rank, world, folder):
    """The body of one process. What fails here fails the test."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=world)
    for kind, (loss, plain, scalars) in KINDS.items():
        whole = whole_batch(world, scalars)
        expected = plain(*whole)
        expected_gradients = torch.autograd.grad(expected, whole)
        wanted = own_share(expected_gradients, rank)

        share = own_share(whole, rank)
        with Largest() as largest:
            value = loss(*share)
            gradients = torch.autograd.grad(value, share)
        torch.testing.assert_close(value, expected, **SAME)
        for gradient, right in zip(gradients, wanted, strict=True):
            torch.testing.assert_close(averaged(gradient, rank, world), right.detach(), **SAME)
        rows_of_table = B if kind == "sigmoid" else B * world
        assert largest.size == B * rows_of_table, f"{kind} holds {largest.size} numbers at once"

        images, texts, *rest = own_share(whole, rank)
        (gradient,) = torch.autograd.grad(loss(images, texts.detach(), *rest), images)
        torch.testing.assert_close(averaged(gradient, rank, world), wanted[0].detach(), **SAME)

        if kind == "softmax":
            careless = torch.autograd.grad(local_loss_without_gradients(*share, rank, world), share)
            for gradient, right in zip(careless[:2], wanted[:2], strict=True):
                error = averaged(gradient, rank, world) - right.detach()
                assert error.norm() > 0.1 * right.norm(), "a gather without gradients should be wrong"
    dist.destroy_process_group()
    (folder / f"{rank} agrees").touch()


@pytest.mark.slow
@pytest.mark.parametrize("world", [2, 4])
def test_loss_and_gradients_are_the_whole_batchs(world, tmp_path):
    run_together(compare_with_the_whole_batch, world, tmp_path)
    assert len(list(tmp_path.glob("* agrees"))) == world


@pytest.mark.parametrize("kind", KINDS)
def test_alone_they_are_the_plain_forms(kind):
    loss, plain, scalars = KINDS[kind]
    assert torch.equal(loss(*whole_batch(1, scalars)), plain(*whole_batch(1, scalars)))
