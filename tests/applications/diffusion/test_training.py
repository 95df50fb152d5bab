"""The loss, the captions that are dropped, and thirty steps of training."""

from dataclasses import replace
from typing import get_args

import pytest
import torch
from torch import nn

from clip_tutor.applications.diffusion import (
    DiffusionTraining,
    add_noise,
    alphas_cumprod,
    diffusion_loss,
    from_pixels,
    target,
    to_epsilon,
    train_denoiser,
)
from clip_tutor.applications.diffusion.prediction import Prediction
from clip_tutor.applications.diffusion.schedule import ScheduleName
from clip_tutor.applications.diffusion.training import timestep_weights
from clip_tutor.data.emoji import FIRST_WORDS, find_emoji
from clip_tutor.data.scenes import Scenes
from tests.applications.diffusion.conftest import D, T

CONFIG = DiffusionTraining(steps=30, batch_size=8, learning_rate=1e-2, warmup_steps=3)


class Listener(nn.Module):
    """Stands in for a denoiser, says zero, and keeps what it was given."""

    def __init__(self, denoiser: nn.Module) -> None:
        super().__init__()
        self.config, self.alphas_cumprod = denoiser.config, denoiser.alphas_cumprod

    def forward(self, noisy, t, states):
        self.noisy, self.t, self.states = noisy, t, states
        return torch.zeros_like(noisy)


@pytest.mark.parametrize("prediction", ["epsilon", "x0", "v"])
def test_the_loss_is_the_mean_square_of_what_was_to_be_said(make_denoiser, prediction):
    """Of images that are white all over: what a listener that says zero misses is ε, 1 or a mixture of both."""
    listener = Listener(make_denoiser(prediction=prediction))
    x0, states, null = torch.ones(4000, 3, 2, 2), torch.ones(4000, T, D), torch.zeros(1, T, D)
    loss = diffusion_loss(listener, x0, states, null, torch.Generator().manual_seed(0))
    alpha_bar = listener.alphas_cumprod[listener.t][:, None, None, None]
    noise = (listener.noisy - alpha_bar.sqrt()) / (1 - alpha_bar).sqrt()
    expected = {"epsilon": noise, "x0": x0, "v": alpha_bar.sqrt() * noise - (1 - alpha_bar).sqrt()}[prediction]
    torch.testing.assert_close(loss, expected.square().mean())
    assert 0.97 < noise.std() < 1.03 and abs(noise.mean()) < 0.03, "what is mixed in is normal noise"
    assert (listener.t.min(), listener.t.max()) == (0, 999)


@pytest.mark.parametrize("schedule", get_args(ScheduleName))
def test_all_predictions_weigh_timesteps_alike(schedule):
    """A denoiser that sees a certain x_0 loses as much, times the weight, whichever of the three it says."""
    x0, noise, seen = torch.randn(3, 1000, 3, generator=torch.Generator().manual_seed(0)).double()
    alpha_bar = alphas_cumprod(schedule).double()[:, None]
    noisy = add_noise(x0, noise, alpha_bar)
    counted = (alpha_bar / (1 - alpha_bar)).clamp(0.25, 5.0) * (seen - x0).square()
    for prediction in get_args(Prediction):
        said = target(seen, to_epsilon(seen, noisy, alpha_bar, "x0"), alpha_bar, prediction)
        error = (said - target(x0, noise, alpha_bar, prediction)).square()
        torch.testing.assert_close(timestep_weights(alpha_bar, prediction) * error, counted)


def test_timesteps_are_drawn_by_their_weights(make_denoiser):
    listener, weights = Listener(make_denoiser()), torch.zeros(1000)
    weights[100], weights[900] = 3, 1
    x0, states, null = torch.zeros(4000, 3, 2, 2), torch.ones(4000, T, D), torch.zeros(1, T, D)
    diffusion_loss(listener, x0, states, null, torch.Generator().manual_seed(0), weights=weights)
    assert set(listener.t.tolist()) == {100, 900} and 0.72 < (listener.t == 100).float().mean() < 0.78
    diffusion_loss(listener, x0, states, null, torch.Generator().manual_seed(0))
    assert len(set(listener.t.tolist())) > 900 and 450 < listener.t.float().mean() < 550


def test_one_caption_in_ten_is_dropped_whole(make_denoiser):
    listener = Listener(make_denoiser())
    x0, states, null = torch.zeros(4000, 3, 2, 2), torch.ones(4000, T, D), torch.full((1, T, D), -1.0)
    for dropped, low, high in ((0.1, 0.08, 0.12), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)):
        diffusion_loss(listener, x0, states, null, torch.Generator().manual_seed(0), dropped)
        gone = (listener.states == -1).flatten(1)
        assert torch.equal(gone.any(dim=1), gone.all(dim=1))
        assert low <= gone.all(dim=1).float().mean() <= high


@pytest.mark.slow
def test_thirty_steps_lower_the_loss(make_denoiser):
    pixels = Scenes(find_emoji(FIRST_WORDS), "train", size=8).batch(range(8)).pixels
    states, null = torch.randn(9, T, D, generator=torch.Generator().manual_seed(1)).split(8)
    denoiser, x0 = make_denoiser(image_size=8), from_pixels(pixels).repeat(8, 1, 1, 1)

    def loss() -> float:
        with torch.no_grad():
            return diffusion_loss(denoiser, x0, states.repeat(8, 1, 1), null, torch.Generator().manual_seed(5)).item()

    before = loss()
    losses = train_denoiser(denoiser, pixels, states, null, CONFIG)
    assert len(losses) == CONFIG.steps == 30 and not denoiser.training
    assert loss() < 0.85 * before


def test_the_seed_decides_what_is_drawn(make_denoiser):
    pixels, states = torch.arange(192, dtype=torch.uint8).expand(4, 192).reshape(4, 3, 8, 8), torch.randn(4, T, D)
    runs = [
        train_denoiser(make_denoiser(image_size=8), pixels, states, states[:1], replace(CONFIG, steps=3, seed=seed))
        for seed in (0, 0, 1)
    ]
    assert runs[0] == pytest.approx(runs[1], rel=1e-5) and runs[0] != pytest.approx(runs[2], rel=1e-2)


@pytest.mark.parametrize(
    ("states", "null"),
    [((3, T, D), (1, T, D)), ((4, T, D), (1, T + 1, D)), ((4, T, D), (T, D))],
)
def test_states_that_do_not_fit_the_images_are_refused(make_denoiser, states, null):
    with pytest.raises(ValueError, match=r"4 images, states .* give \(M, T, D\) for M images and \(1, T, D\)"):
        pixels = torch.zeros(4, 3, 16, 16, dtype=torch.uint8)
        train_denoiser(make_denoiser(), pixels, torch.zeros(states), torch.zeros(null), DiffusionTraining(steps=1))
