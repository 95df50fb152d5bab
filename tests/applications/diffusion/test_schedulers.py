"""Schedules, noise, predictions and steps: those of the schedulers in diffusers."""

from typing import get_args

import diffusers
import pytest
import torch
from torch import Tensor

from clip_tutor.applications.diffusion import (
    add_noise,
    alphas_cumprod,
    at_timesteps,
    betas,
    ddim_step,
    ddpm_step,
    from_pixels,
    sampling_timesteps,
    target,
    to_epsilon,
    to_pixels,
    to_x0,
)
from clip_tutor.applications.diffusion.prediction import DIFFUSERS_PREDICTIONS, Prediction, check_prediction
from clip_tutor.applications.diffusion.schedule import BETAS, DIFFUSERS_SCHEDULES, ScheduleName

CLOSE = {"atol": 1e-6, "rtol": 1e-6}
SHAPE = (4, 3, 8, 8)
schedules = pytest.mark.parametrize("schedule", get_args(ScheduleName))
predictions = pytest.mark.parametrize("prediction", get_args(Prediction))


def theirs(kind: str, schedule: ScheduleName, prediction: Prediction = "epsilon", **settings: object) -> object:
    """A scheduler of diffusers, DDPM or DDIM."""
    first, last = BETAS.get(schedule, (0.0001, 0.02))  # the cosine schedule reads neither
    return getattr(diffusers, kind)(
        beta_schedule=DIFFUSERS_SCHEDULES[schedule],
        beta_start=first,
        beta_end=last,
        prediction_type=DIFFUSERS_PREDICTIONS[prediction],
        timestep_spacing="trailing",
        **settings,
    )


def some(seed: int) -> Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


@schedules
def test_schedules_equal_diffusers(schedule):
    scheduler = theirs("DDPMScheduler", schedule)
    torch.testing.assert_close(betas(schedule), scheduler.betas, atol=0, rtol=1e-6)
    torch.testing.assert_close(alphas_cumprod(schedule), scheduler.alphas_cumprod, atol=0, rtol=1e-6)


@schedules
def test_noising_equals_diffusers(schedule):
    x0, noise, t = some(1), some(2), torch.tensor([0, 1, 500, 999])
    alpha_bar = at_timesteps(alphas_cumprod(schedule), t)
    noisy = add_noise(x0, noise, alpha_bar)
    torch.testing.assert_close(noisy, theirs("DDPMScheduler", schedule).add_noise(x0, noise, t), **CLOSE)


@schedules
def test_v_equals_diffusers(schedule):
    x0, noise, t = some(1), some(2), torch.tensor([0, 1, 500, 999])
    v = target(x0, noise, at_timesteps(alphas_cumprod(schedule), t), "v")
    torch.testing.assert_close(v, theirs("DDPMScheduler", schedule).get_velocity(x0, noise, t), **CLOSE)


@pytest.mark.parametrize("kind", ["DDPMScheduler", "DDIMScheduler"])
def test_timesteps_equal_diffusers(kind):
    """But for ties, such as 937.5: those round to whichever side their sum of floats has strayed."""
    scheduler = theirs(kind, "linear")
    for steps in (*range(1, 60), 100, 333, 500, 600, 999, 1000):
        scheduler.set_timesteps(steps)
        ours, expected = sampling_timesteps(steps), scheduler.timesteps.tolist()
        exact = [1000 * (steps - k) / steps - 1 for k in range(steps)]
        assert len(ours) == len(expected) == steps
        assert all(
            a == b or (a, b) == (e + 0.5, e - 0.5) or (a, b) == (e - 0.5, e + 0.5)
            for a, b, e in zip(ours, expected, exact, strict=True)
        ), steps


def alpha_bars(schedule: ScheduleName, timesteps: list[int], k: int) -> tuple[Tensor, Tensor]:
    """ᾱ at step k and at the next."""
    table = torch.cat([alphas_cumprod(schedule), torch.ones(1)])
    t, prev = [*timesteps, -1][k : k + 2]
    return table[t], table[prev]


@schedules
@predictions
@pytest.mark.parametrize("steps", [4, 1000])
@pytest.mark.parametrize("clipped", [True, False])
def test_ddim_steps_equal_diffusers(schedule, prediction, steps, clipped):
    """Unclipped values can be large: the difference is then seen in proportion to the largest."""
    scheduler = theirs("DDIMScheduler", schedule, prediction, clip_sample=clipped)
    scheduler.set_timesteps(steps)
    noisy, output, timesteps = some(1), some(2), sampling_timesteps(steps)
    for k in (0, 1, steps // 2, steps - 1):
        alpha_bar, alpha_bar_prev = alpha_bars(schedule, timesteps, k)
        x0 = to_x0(output, noisy, alpha_bar, prediction)
        if clipped:
            x0 = x0.clamp(-1, 1)
        expected = scheduler.step(output, timesteps[k], noisy, use_clipped_model_output=True)
        largest = max(1.0, expected.pred_original_sample.abs().max().item())
        torch.testing.assert_close(x0 / largest, expected.pred_original_sample / largest, **CLOSE)
        found = ddim_step(noisy, x0, alpha_bar, alpha_bar_prev)
        torch.testing.assert_close(found / largest, expected.prev_sample / largest, **CLOSE)


@schedules
@predictions
@pytest.mark.parametrize("steps", [4, 7, 1000])
def test_ddpm_steps_equal_diffusers(schedule, prediction, steps):
    scheduler = theirs("DDPMScheduler", schedule, prediction)
    scheduler.set_timesteps(steps)
    noisy, output, timesteps = some(1), some(2), sampling_timesteps(steps)
    for k in (0, 1, steps // 2, steps - 1):
        alpha_bar, alpha_bar_prev = alpha_bars(schedule, timesteps, k)
        x0 = to_x0(output, noisy, alpha_bar, prediction).clamp(-1, 1)
        expected = scheduler.step(output, timesteps[k], noisy, generator=torch.Generator().manual_seed(3))
        found = ddpm_step(noisy, x0, alpha_bar, alpha_bar_prev, noise=some(3))
        torch.testing.assert_close(found, expected.prev_sample, **CLOSE)


@schedules
@predictions
def test_each_prediction_leads_back_to_image_and_noise(schedule, prediction):
    x0, noise, t = some(1).double(), some(2).double(), torch.tensor([0, 1, 500, 999])
    alpha_bar = at_timesteps(alphas_cumprod(schedule).double(), t)
    noisy = add_noise(x0, noise, alpha_bar)
    output = target(x0, noise, alpha_bar, prediction)
    torch.testing.assert_close(to_x0(output, noisy, alpha_bar, prediction), x0, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(to_epsilon(output, noisy, alpha_bar, prediction), noise, atol=1e-6, rtol=1e-6)


def test_a_perfect_denoiser_is_led_to_the_image_by_ddim():
    """Along the straight way between noise and image, in any number of steps."""
    x0, noise = some(1), some(2)
    for steps in (1, 3):
        timesteps, x = sampling_timesteps(steps), None
        for k in range(steps):
            alpha_bar, alpha_bar_prev = alpha_bars("linear", timesteps, k)
            x = add_noise(x0, noise, alpha_bar) if x is None else x
            x = ddim_step(x, x0, alpha_bar, alpha_bar_prev)
            torch.testing.assert_close(x, add_noise(x0, noise, alpha_bar_prev), atol=1e-5, rtol=1e-5)


def test_pixels_come_back_as_they_were():
    pixels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16).expand(-1, 3, -1, -1)
    x0 = from_pixels(pixels)
    assert (x0.min(), x0.max()) == (-1, 1)
    assert torch.equal(to_pixels(x0), pixels)
    assert to_pixels(torch.tensor([-3.0, 3.0])).tolist() == [0, 255]


@pytest.mark.parametrize("steps", [0, -5, 1001])
def test_more_steps_than_timesteps_are_refused(steps):
    with pytest.raises(ValueError, match=f"{steps} steps, and a schedule has 1000 timesteps .* take 1 to 1000"):
        sampling_timesteps(steps)


def test_names_that_stand_for_nothing_are_refused():
    with pytest.raises(ValueError, match="no schedule 'squaredcos_cap_v2': take one of linear, scaled_linear, cosine"):
        betas("squaredcos_cap_v2")
    with pytest.raises(ValueError, match="no prediction 'v_prediction': a denoiser predicts epsilon, x0, v"):
        check_prediction("v_prediction")
