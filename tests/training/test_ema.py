"""The average is torch's, forgets where it began, and goes on after an interruption."""

import copy

import pytest
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from clip_tutor.training.ema import EMA


def shake(model, seed):
    """A step of a sort: every weight moves, and BatchNorm sees images."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        model.train().encode_image(torch.randn(4, 3, 32, 32))


def long_running(model, decay):
    """An average whose warm-up is over."""
    ema = EMA(model, decay)
    ema.step = 1_000_000
    return ema


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_average_is_torchs(make_model, layout):
    model = make_model(stem_channels=(4, 8, 8)).to(memory_format=layout)
    ema = long_running(model, 0.9)
    theirs = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    theirs.update_parameters(model)  # its first update only takes the weights over
    for seed in range(5):
        shake(model, seed)
        ema.update(model)
        theirs.update_parameters(model)
    for (name, ours), expected in zip(ema.model.named_parameters(), theirs.module.parameters(), strict=True):
        torch.testing.assert_close(ours, expected, msg=name)
        assert not torch.equal(ours, model.get_parameter(name))


def test_buffers_follow_the_model(make_model):
    model = make_model(stem_channels=(4, 8, 8))
    ema = EMA(model, 0.99)
    for seed in range(3):
        shake(model, seed)
        ema.update(model)
    assert len(list(model.buffers())) == 9
    for (name, ours), newest in zip(ema.model.named_buffers(), model.buffers(), strict=True):
        assert torch.equal(ours, newest), name


def test_the_start_is_forgotten(model):
    ema, theirs = EMA(model, 0.999), long_running(model, 0.999)
    with torch.no_grad():
        for average in (ema, theirs):
            average.model.log_logit_scale.fill_(0.0)
        model.log_logit_scale.fill_(1.0)
    left, shares = 1.0, []
    for step in range(1, 101):
        ema.update(model)
        theirs.update(model)
        left *= (1 + step) / (10 + step)
        shares.append(1 - ema.model.log_logit_scale.item())
        assert shares[-1] == pytest.approx(left, rel=1e-4, abs=1e-6)
    assert shares[0] == pytest.approx(2 / 11)
    assert shares[9] < 1e-4, "after ten steps nothing is left of the first weights"
    assert theirs.model.log_logit_scale.item() < 0.1, "without a warm-up nine tenths would be, after a hundred"


def test_the_warm_up_ends_at_the_decay(model):
    ema = EMA(model, 0.5)
    ema.step = 20  # (1 + 21) / (10 + 21) = 0.71
    before = ema.model.log_logit_scale.item()
    with torch.no_grad():
        model.log_logit_scale.fill_(before + 1)
    ema.update(model)
    assert ema.model.log_logit_scale.item() == pytest.approx(before + 0.5)


def test_the_averaged_model_only_answers(model):
    ema = EMA(model.train(), 0.9)
    before = copy.deepcopy(model.state_dict())
    ema.update(model)
    assert model.training, "training goes on as before"
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert not ema.model.training
    assert not any(parameter.requires_grad for parameter in ema.model.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_an_average_goes_on_from_its_state(make_model):
    model = make_model(stem_channels=(4, 8, 8))
    ema = EMA(model, 0.9)
    for seed in range(3):
        shake(model, seed)
        ema.update(model)
    assert ema.step == 3
    continued = EMA(make_model(seed=1, stem_channels=(4, 8, 8)), 0.9)
    continued.model.load_state_dict(ema.model.state_dict())
    continued.step = ema.step
    shake(model, 3)
    for average in (ema, continued):
        average.update(model)
    for name, tensor in ema.model.state_dict().items():
        assert torch.equal(continued.model.state_dict()[name], tensor), name


@pytest.mark.parametrize("decay", [1.0, -0.1])
def test_a_decay_that_is_no_share_is_refused(model, decay):
    with pytest.raises(ValueError, match=r"just below 1.*last tenth"):
        EMA(model, decay)
