"""Processes that share a batch compute, learn and remember what one process with all of it would."""

import copy

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from clip_tutor.towers import ResNet, ResNetConfig
from clip_tutor.towers.convolution import ConvNorm
from clip_tutor.training.synced_batchnorm import SyncedBatchNorm2d, synchronize_batchnorm
from tests.forking import run_together

C = 5
SHARES = {2: (3, 5), 4: (1, 4, 2, 1)}  # images of each process: eight in all


def layer(dtype):
    """A BatchNorm whose numbers are not those it starts from."""
    norm = nn.BatchNorm2d(C, momentum=0.3).to(dtype)
    for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
        nn.init.uniform_(tensor, 0.5, 1.5)
    return norm


def network(dtype):
    """A convolution, a BatchNorm, and three more behind them, whose gradients pass through it."""
    return nn.Sequential(ConvNorm(3, 4, 3), nn.GELU(), ConvNorm(4, 6, 3, stride=2), nn.Flatten(2)).to(dtype)


def run_layer(norm, x, target):
    """What a BatchNorm gives, what it gives back, and what it remembers."""
    x = x.clone().requires_grad_()
    y = norm(x)
    (y * target).sum().backward()
    return y.detach(), x.grad, norm.weight.grad, norm.bias.grad, dict(norm.named_buffers())


def run_network(model, x, target):
    """Gradients and buffers after one step of a mean loss."""
    (model(x) * target).flatten(1).sum(dim=1).mean().backward()
    gradients = {name.removeprefix("module."): p.grad for name, p in model.named_parameters()}
    return gradients, [buffer for _, buffer in model.named_buffers()]


def inputs(dtype, mean=0.0, std=1.0):
    generator = torch.Generator().manual_seed(3)
    x = mean + std * torch.randn(8, C, 4, 3, generator=generator, dtype=torch.float64)
    return x.to(dtype), torch.randn(8, C, 4, 3, generator=generator, dtype=torch.float64).to(dtype)


def photos(dtype):
    pixels = torch.randn(8, 3, 6, 6, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    return pixels.to(dtype), torch.linspace(-1, 1, 6 * 9, dtype=dtype).view(6, 9)


def compare_with_one_process(rank, world, folder):
    """The body of one process. What fails here fails the test."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=world)
    for dtype, atol in ((torch.float64, 1e-10), (torch.float32, 1e-5)):
        same = {"atol": atol, "rtol": atol}
        torch.manual_seed(0)
        norm = layer(dtype)
        alone = copy.deepcopy(norm)
        synchronize_batchnorm(holder := nn.Sequential(norm))
        assert type(holder[0]) is SyncedBatchNorm2d
        x, target = inputs(dtype)
        y, into_x, into_weight, into_bias, buffers = run_layer(alone, x, target)
        begin = sum(SHARES[world][:rank])
        mine = slice(begin, begin + SHARES[world][rank])
        got = run_layer(norm, x[mine], target[mine])
        torch.testing.assert_close(got[:2], (y[mine], into_x[mine]), **same)
        for share, whole in zip(got[2:4], (into_weight, into_bias), strict=True):
            dist.all_reduce(share)
            torch.testing.assert_close(share, whole, **same)
        torch.testing.assert_close(got[4], buffers, **same)
        assert got[4]["num_batches_tracked"] == 1

        # Float32 keeps four digits of this spread, if nobody subtracts 1000² from a mean of squares.
        large, target = inputs(torch.float32, mean=1000.0, std=0.1)
        expected = run_layer(copy.deepcopy(alone).double(), large.double(), target.double())[0]
        loose = run_layer(copy.deepcopy(norm).float(), large[mine], target[mine])[0]
        torch.testing.assert_close(loose.double(), expected[mine], atol=5e-3, rtol=5e-3)

        model = network(dtype)
        gradients, buffers = run_network(copy.deepcopy(model), *photos(dtype))
        synchronize_batchnorm(model)
        pixels, target = photos(dtype)
        shared = DistributedDataParallel(model)
        got = run_network(shared, pixels.chunk(world)[rank], target)
        torch.testing.assert_close(got, (gradients, buffers), **same)
        model.eval()
        with torch.no_grad():  # folded into the convolution before it, and without the others
            torch.testing.assert_close(model[0](pixels), model[0].norm(model[0].conv(pixels)), **same)
            if rank == 0:
                model(pixels)  # waits for nobody

    short, target = inputs(torch.bfloat16)
    norm = layer(torch.float32)
    synchronize_batchnorm(holder := nn.Sequential(norm))
    y, gradient, *_ = run_layer(norm, short[: len(short) // world], target[: len(short) // world])
    assert y.dtype == gradient.dtype == torch.bfloat16
    dist.destroy_process_group()
    (folder / f"{rank} agrees").touch()


@pytest.mark.slow
@pytest.mark.parametrize("world", [2, 4])
def test_processes_together_equal_one(tmp_path, world):
    run_together(compare_with_one_process, world, tmp_path)
    assert len(list(tmp_path.glob("* agrees"))) == world


def test_alone_it_is_its_parent():
    torch.manual_seed(0)
    norm, (x, target) = layer(torch.float32), inputs(torch.float32)
    parent = copy.deepcopy(norm)
    synchronize_batchnorm(nn.Sequential(norm))
    for got, expected in zip(run_layer(norm, x, target), run_layer(parent, x, target), strict=True):
        torch.testing.assert_close(got, expected, atol=0, rtol=0)


def test_a_model_keeps_its_parameters_and_names():
    model = ResNet(ResNetConfig(32, (1, 1, 1, 1), width=8, heads=4), embed_dim=8)
    parameters, state = dict(model.named_parameters()), model.state_dict()
    synchronize_batchnorm(model)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(norms) == 3 + 4 * 4
    assert all(isinstance(norm, SyncedBatchNorm2d) for norm in norms)
    assert all(model.get_parameter(name) is parameter for name, parameter in parameters.items())
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in state.items())
    assert list(model.state_dict()) == list(state)
