"""Guidance in both conventions, and the way from noise to an image."""

import diffusers
import pytest
import torch

from clip_tutor.applications.diffusion import (
    Denoiser,
    add_noise,
    alphas_cumprod,
    guide,
    guide_by_weight,
    sample,
    sample_steps,
    to_epsilon,
    to_x0,
)
from clip_tutor.applications.diffusion.prediction import DIFFUSERS_PREDICTIONS
from clip_tutor.applications.diffusion.schedule import DIFFUSERS_SCHEDULES
from tests.applications.diffusion.conftest import D, T

CLOSE = {"atol": 1e-5, "rtol": 1e-5}
U, C = torch.randn(2, 2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
STATES = torch.randn(3, T, D, generator=torch.Generator().manual_seed(1))
NULL = torch.randn(1, T, D, generator=torch.Generator().manual_seed(2))


def seed(number: int = 7) -> torch.Generator:
    return torch.Generator().manual_seed(number)


def test_the_two_conventions_differ_by_one():
    for scale in (0.5, 1.0, 3.0, 7.5):
        torch.testing.assert_close(guide(U, C, scale), guide_by_weight(U, C, scale - 1), **CLOSE)
    assert torch.equal(guide_by_weight(U, C, 0.0), C)
    torch.testing.assert_close(guide(U, C, 1.0), C)
    torch.testing.assert_close(guide(U, C, 0.0), U)
    torch.testing.assert_close(guide(U, C, 3.0), U + (C - U) + (C - U) + (C - U))


@pytest.mark.parametrize("convert", [to_x0, to_epsilon])
@pytest.mark.parametrize("prediction", ["epsilon", "x0", "v"])
def test_guidance_may_come_before_or_after_the_conversion(convert, prediction):
    noisy, alpha_bar = torch.randn(2, 3, 4, 4, generator=seed()), torch.tensor(0.3)
    before = convert(guide(U, C, 4.0), noisy, alpha_bar, prediction)
    after = guide(*(convert(each, noisy, alpha_bar, prediction) for each in (U, C)), 4.0)
    torch.testing.assert_close(before, after, **CLOSE)


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
@pytest.mark.parametrize("prediction", ["epsilon", "v"])
def test_sampling_equals_diffusers_ddim(make_denoiser, schedule, prediction):
    """The whole way, guidance written out as in its Stable Diffusion pipeline."""
    denoiser = make_denoiser(moved=0.1, schedule=schedule, prediction=prediction).double()
    states, null = STATES.double(), NULL.double()
    scheduler = diffusers.DDIMScheduler(
        beta_schedule=DIFFUSERS_SCHEDULES[schedule],
        prediction_type=DIFFUSERS_PREDICTIONS[prediction],
        timestep_spacing="trailing",
    )
    scheduler.alphas_cumprod = scheduler.alphas_cumprod.double()  # at t = 999 rounding errors are magnified
    scheduler.set_timesteps(5)
    x = torch.randn(3, 3, 16, 16, generator=seed()).double()
    with torch.no_grad():
        for t in scheduler.timesteps:
            unconditional, conditional = (denoiser(x, t.expand(3), s) for s in (null.expand(3, -1, -1), states))
            output = unconditional + 2.5 * (conditional - unconditional)
            x = scheduler.step(output, t, x, use_clipped_model_output=True).prev_sample
    torch.testing.assert_close(sample(denoiser, states, null, 5, 2.5, seed()), x, atol=1e-6, rtol=1e-6)


def test_the_film_begins_with_noise_and_ends_with_the_image(make_denoiser):
    denoiser = make_denoiser(moved=0.1)
    steps = list(sample_steps(denoiser, STATES, NULL, 4, 2.0, seed()))
    assert [step.t for step in steps] == [999, 749, 499, 249]
    assert torch.equal(steps[0].noisy, torch.randn(3, 3, 16, 16, generator=seed()))
    assert all(step.x0.abs().max() <= 1 and not step.x0.requires_grad for step in steps)
    assert torch.equal(sample(denoiser, STATES, NULL, 4, 2.0, seed()), steps[-1].x0)


def test_the_seed_and_the_captions_decide(make_denoiser):
    denoiser = make_denoiser(moved=0.1)
    image = sample(denoiser, STATES, NULL, 3, 2.0, seed())
    assert torch.equal(sample(denoiser, STATES, NULL, 3, 2.0, seed()), image)
    for other in (
        sample(denoiser, STATES, NULL, 3, 2.0, seed(8)),
        sample(denoiser, STATES.roll(1, dims=0), NULL, 3, 2.0, seed()),
        sample(denoiser, STATES, -NULL, 3, 2.0, seed()),
        sample(denoiser, STATES, NULL, 3, 4.0, seed()),
    ):
        assert (other - image).abs().max() > 1e-3


def test_without_guidance_the_empty_caption_is_not_asked(make_denoiser):
    denoiser, batches = make_denoiser(moved=0.1), []
    denoiser.register_forward_pre_hook(lambda _, arguments: batches.append(len(arguments[0])))
    image = sample(denoiser, STATES, NULL, 2, 1.0, seed())
    assert batches == [3, 3]
    assert torch.equal(sample(denoiser, STATES, -NULL, 2, 1.0, seed()), image)
    sample(denoiser, STATES, NULL, 1, 1.5, seed())
    assert batches[4:] == [6], "both questions are one batch"


class Perfect(Denoiser):
    """Knows the image, and says what noise there is beside it."""

    def __init__(self, config, x0):
        super().__init__(config)
        self.x0 = x0

    def forward(self, noisy, t, states):
        return to_epsilon(
            self.x0.expand_as(noisy), noisy, alphas_cumprod(self.config.schedule)[t][:, None, None, None], "x0"
        )


@pytest.mark.parametrize("schedule", ["linear", "scaled_linear", "cosine"])
def test_a_denoiser_is_sampled_with_its_own_schedule(make_denoiser, schedule):
    """One that knows the image draws it, and on the way the noise is as much as its schedule says."""
    config = make_denoiser(schedule=schedule, prediction="epsilon").config
    perfect = Perfect(config, torch.rand(1, 3, 16, 16, generator=seed(3)) - 0.5)
    steps = list(sample_steps(perfect, STATES, NULL, 10, 1.0, seed()))
    torch.testing.assert_close(steps[-1].x0, perfect.x0.expand(3, -1, -1, -1), atol=1e-3, rtol=0)
    last, noise = steps[-1], steps[0].noisy
    expected = add_noise(perfect.x0, noise, alphas_cumprod(schedule)[last.t])
    assert (last.noisy - expected).abs().max() < 0.1


@pytest.mark.parametrize(
    ("guidance", "message"),
    [
        (0, r"guidance is 0, which ignores the caption: here 1 is .* Ho and Salimans' w = 0 is 1 here"),
        (-2.0, r"guidance is -2.0, which leads away from the caption: .* in place of null_states"),
        (1000, r"guidance is 1000: here 1 is the caption without guidance, .* take at most 100"),
        (float("nan"), r"guidance is nan: here 1 is the caption"),
    ],
)
def test_guidance_that_makes_no_sense_is_refused(make_denoiser, guidance, message):
    with pytest.raises(ValueError, match=message):
        sample(make_denoiser(), STATES, NULL, 2, guidance, seed())


def test_bad_input_is_refused_before_anything_is_drawn(make_denoiser):
    denoiser = make_denoiser()
    with pytest.raises(ValueError, match="1001 steps, and a schedule has 1000 timesteps"):
        sample_steps(denoiser, STATES, NULL, 1001, 2.0, seed())
    with pytest.raises(ValueError, match=r"states of shape \(3, 5, 12\) and null states of \(1, 4, 12\): give"):
        sample_steps(denoiser, STATES, NULL[:, 1:], 2, 2.0, seed())
    with pytest.raises(ValueError, match=r"states of shape \(3, 5, 6\), and this denoiser reads \(B, T, 12\)"):
        sample(denoiser, STATES[..., :6], NULL[..., :6], 2, 2.0, seed())
