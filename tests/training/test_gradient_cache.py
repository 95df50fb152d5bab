"""A batch in small parts learns what it would have learned in one."""

import copy
from functools import partial

import pytest
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from clip_tutor import losses
from clip_tutor.model import CLIP, CLIPConfig
from clip_tutor.towers import ConvNeXtConfig, TextConfig, ViTConfig
from clip_tutor.training import TrainConfig
from clip_tutor.training.gradient_cache import cached_backward
from clip_tutor.training.groups import freeze
from clip_tutor.training.loss import loss_function
from tests.forking import run_together

TEXT = TextConfig(60, 8, 16, layers=1, heads=2)
VIT = ViTConfig(16, 8, 16, layers=1, heads=2)


def clip(vision=VIT):
    torch.manual_seed(0)
    return CLIP(CLIPConfig(16, vision, TEXT, logit_bias=-3.0)).double().train()


def batch(B=10, size=16):
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(1, 59, (B, 8), generator=generator)
    ids[:, -1] = 59  # the end token
    return torch.randn(B, 3, size, size, generator=generator, dtype=torch.float64), ids


def loss_of(kind):
    """The loss of a model's output, over as many processes as there are."""
    return loss_function(TrainConfig(batch_size=10, learning_rate=1e-3, loss=kind))


def plain_backward(model, pixels, ids, loss):
    value = loss(model(pixels, ids))
    value.backward()
    return value.detach()


def gradients(model):
    return {name: parameter.grad for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("micro_batch", [1, 4, 5, 10, 99])
@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_gradients_are_those_of_the_whole_batch(kind, micro_batch):
    whole = clip()
    parts = copy.deepcopy(whole)
    expected = plain_backward(whole, *batch(), loss_of(kind))
    value = cached_backward(parts, *batch(), loss_of(kind), micro_batch)
    torch.testing.assert_close(value, expected, atol=1e-12, rtol=1e-12)
    assert (parts.logit_bias.grad is None) == (kind == "softmax")
    assert not value.requires_grad
    torch.testing.assert_close(gradients(parts), gradients(whole), atol=1e-12, rtol=1e-10)


def test_plain_accumulation_learns_something_else():
    whole, parts = clip(), clip()
    loss = loss_of("softmax")
    plain_backward(whole, *batch(), loss)
    for pixels, ids in zip(*(tensor.split(5) for tensor in batch()), strict=True):
        (loss(parts(pixels, ids)) / 2).backward()
    theirs, right = (model.image_tower.patch_embed.proj.weight.grad for model in (parts, whole))
    assert (theirs - right).norm() > 0.1 * right.norm()


def test_gradients_are_added_to_those_that_are_there():
    once, twice = clip(), clip()
    for model, times in ((once, 1), (twice, 2)):
        for _ in range(times):
            cached_backward(model, *batch(), loss_of("sigmoid"), 4)
    doubled = {name: 2 * gradient for name, gradient in gradients(once).items()}
    torch.testing.assert_close(gradients(twice), doubled, atol=1e-12, rtol=1e-10)


@pytest.mark.parametrize("tower", ["image", "text"])
def test_a_frozen_tower_stays_out_of_it(tower):
    whole = clip()
    freeze(whole, tower)
    parts = copy.deepcopy(whole)
    plain_backward(whole, *batch(), loss_of("sigmoid"))
    cached_backward(parts, *batch(), loss_of("sigmoid"), 4)
    assert all(parameter.grad is None for parameter in getattr(parts, f"{tower}_tower").parameters())
    torch.testing.assert_close(gradients(parts), gradients(whole), atol=1e-12, rtol=1e-10)


def test_both_passes_skip_the_same_blocks():
    """One micro-batch: then the random numbers are the whole batch's, too."""
    whole = clip(ConvNeXtConfig(32, (2, 2, 2, 2), (4, 4, 8, 8), drop_path=0.5))
    parts = copy.deepcopy(whole)
    torch.manual_seed(7)
    plain_backward(whole, *batch(size=32), loss_of("softmax"))
    drawn_next = torch.rand(3)
    torch.manual_seed(7)
    cached_backward(parts, *batch(size=32), loss_of("softmax"), 10)
    torch.testing.assert_close(torch.rand(3), drawn_next, atol=0, rtol=0)
    torch.testing.assert_close(gradients(parts), gradients(whole), atol=1e-12, rtol=1e-10)


def test_running_statistics_see_each_micro_batch_once():
    cached = clip(ViTConfig(32, 16, 16, layers=1, heads=2, stem_channels=(4, 8, 8)))
    seen = copy.deepcopy(cached)
    pixels, ids = batch(size=32)
    cached_backward(cached, pixels, ids, loss_of("softmax"), 5)
    for part in pixels.split(5):
        seen.encode_image(part)
    assert len(dict(cached.named_buffers())) > 3
    torch.testing.assert_close(dict(cached.named_buffers()), dict(seen.named_buffers()))


def test_the_loss_sees_full_precision_and_gradients_come_in_it():
    seen = []

    def loss(output):
        seen.append((output.image_features.dtype, output.text_features.dtype, len(output.image_features)))
        return losses.contrastive_loss(*output[:3])

    whole, parts = clip().float(), clip().float()
    pixels, ids = batch()
    autocast = partial(torch.autocast, "cpu", dtype=torch.bfloat16)
    with autocast():
        image_features, text_features, scale, _ = whole(pixels.float(), ids)
    losses.contrastive_loss(image_features.float(), text_features.float(), scale).backward()
    cached_backward(parts, pixels.float(), ids, loss, 4, autocast)
    assert seen == [(torch.float32, torch.float32, 10)]
    for name, ours in gradients(parts).items():
        if (theirs := gradients(whole)[name]) is not None:
            assert (ours - theirs).norm() < 0.05 * theirs.norm(), name


def learn_in_two_processes(rank, world, folder):
    """The body of one process. What fails here fails the test."""
    torch.set_num_threads(1)
    of_all = {kind: loss_of(kind) for kind in ("softmax", "sigmoid")}  # before there is a group: of one process
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=world)
    for kind in ("softmax", "sigmoid"):
        whole, spread_out = clip(), clip()
        if kind == "softmax":
            whole.logit_bias.requires_grad_(False)
            spread_out.logit_bias.requires_grad_(False)
        towers = DistributedDataParallel(spread_out)
        share = [tensor.chunk(world)[rank] for tensor in batch()]
        # Two steps: DistributedDataParallel complains at the next about a gradient that never came.
        for _ in range(2):
            whole.zero_grad()
            towers.zero_grad()
            expected = plain_backward(whole, *batch(), of_all[kind])
            value = cached_backward(towers, *share, loss_of(kind), 2)
            torch.testing.assert_close(value, expected, atol=1e-12, rtol=1e-12)
            torch.testing.assert_close(gradients(spread_out), gradients(whole), atol=1e-12, rtol=1e-10)
            with torch.no_grad():
                for model in (whole, spread_out):
                    for parameter in model.parameters():
                        if parameter.grad is not None:
                            parameter -= 0.1 * parameter.grad
    dist.destroy_process_group()
    (folder / f"{rank} agrees").touch()


@pytest.mark.slow
def test_two_processes_with_a_cache_equal_one_without(tmp_path):
    run_together(learn_in_two_processes, 2, tmp_path)
    assert len(list(tmp_path.glob("* agrees"))) == 2
