"""Training a denoiser, the plain loop: mix noise into images, ask what it was, and learn from the difference.

    images ─ add_noise at a random t ─▶ x_t ─┐
    states ─ 1 in 10 becomes "no caption" ───┴ denoiser ─▶ output ── mean squared error ── target

Without the captions that are dropped, the denoiser would not know what images look like when nothing is said, and
guidance would have nothing to go away from.

Timesteps need not be drawn evenly. Where there is hardly any noise, most of the loss comes from specks that none sees.
Where there is nothing else, it comes from guessing what nobody can know. What an image shows is decided between.
`timestep_weights` draws a timestep as often as *min-SNR weighting* would count it, with a floor: else pure noise is
hardly ever seen, and there the color of a background is decided.

Sources: Ho et al. 2020, algorithm 1 and equation 14; Ho and Salimans 2022, algorithm 1; one in ten is the share in the
model card of Stable Diffusion 1.4; Hang et al. 2023, "Efficient Diffusion Training via Min-SNR Weighting Strategy".
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm.auto import tqdm

from clip_tutor.applications.diffusion.denoiser import Denoiser
from clip_tutor.applications.diffusion.forward import add_noise, from_pixels
from clip_tutor.applications.diffusion.prediction import Prediction, target
from clip_tutor.applications.diffusion.schedule import TIMESTEPS, at_timesteps
from clip_tutor.training.interrupts import interruptible
from clip_tutor.training.schedule import make_optimizer, warmup_cosine


@dataclass(frozen=True)
class DiffusionTraining:
    """How a denoiser is trained."""

    steps: int = 5000
    batch_size: int = 32  # B
    learning_rate: float = 1e-3  # at the peak
    warmup_steps: int = 100
    weight_decay: float = 0.01
    dropped: float = 0.1  # the share of captions that are taken away
    seed: int = 0


def diffusion_loss(
    denoiser: Denoiser,
    x0: Tensor,
    states: Tensor,
    null_states: Tensor,
    generator: torch.Generator,
    dropped: float = 0.1,
    weights: Tensor | None = None,
) -> Tensor:
    """Return the mean squared error of what the denoiser says about B noisy images, each at a timestep of its own.

    Args:
        x0: (B, 3, H, W), images from -1 to 1: see `from_pixels`.
        states: (B, T, D), of their captions.
        null_states: (1, T, D), of the empty caption.
        generator: draws timesteps, noise, and which captions are dropped; on the CPU.
        dropped: the share of captions that are taken away.
        weights: (1000,), on the CPU, how often each timestep is drawn, as `timestep_weights`; not given, all alike.
    """
    B = len(x0)
    if weights is None:
        t = torch.randint(TIMESTEPS, (B,), generator=generator)
    else:
        t = torch.multinomial(weights, B, replacement=True, generator=generator)
    t = t.to(x0.device)
    noise = torch.randn(x0.shape, generator=generator).to(x0)  # (B, 3, H, W)
    is_dropped = (torch.rand(B, generator=generator) < dropped).to(x0.device)
    states = torch.where(is_dropped[:, None, None], null_states, states)  # (B, T, D)
    alpha_bar = at_timesteps(denoiser.alphas_cumprod, t)  # (B, 1, 1, 1)
    output = denoiser(add_noise(x0, noise, alpha_bar), t, states)  # (B, 3, H, W)
    return F.mse_loss(output, target(x0, noise, alpha_bar, denoiser.config.prediction))


def timestep_weights(alphas_cumprod: Tensor, prediction: Prediction, cap: float = 5.0, floor: float = 0.1) -> Tensor:
    """Return (1000,), how often each timestep is drawn: SNR between floor and cap, as errors of x_0 are counted.

    A squared error of ε is SNR times as large as that of x_0, one of v SNR + 1 times. So all predictions come to the
    same: ``test_all_predictions_weigh_timesteps_alike``.

    Args:
        alphas_cumprod: (1000,), ᾱ; the signal-to-noise ratio SNR is ᾱ / (1 - ᾱ).
        cap: γ of the paper.
    """
    snr = alphas_cumprod / (1 - alphas_cumprod)
    of_one = {"x0": torch.ones_like(snr), "epsilon": snr, "v": snr + 1}[prediction]  # squared error, for 1 of x_0
    return snr.clamp(floor, cap) / of_one


def train_denoiser(
    denoiser: Denoiser, pixels: Tensor, states: Tensor, null_states: Tensor, config: DiffusionTraining
) -> list[float]:
    """Train a denoiser in place and return the loss of each step; Ctrl-C ends it after the step at hand.

    Args:
        pixels: (M, 3, H, W), uint8.
        states: (M, T, D), of the image's captions.
        null_states: (1, T, D), of the empty caption.

    Raises:
        ValueError: not as many images as captions, or states of another shape.
    """
    if len(pixels) != len(states) or null_states.shape != (1, *states.shape[1:]):
        raise ValueError(
            f"{len(pixels)} images, states {tuple(states.shape)} and null states {tuple(null_states.shape)}: give "
            "(M, T, D) for M images and (1, T, D) for the empty caption, both from encode_prompts"
        )
    generator = torch.Generator().manual_seed(config.seed)
    optimizer = make_optimizer(denoiser, config.weight_decay)
    losses: list[float] = []
    denoiser.train()
    with interruptible() as interrupted, tqdm(total=config.steps, unit="step") as bar:
        for step in range(config.steps):
            if interrupted.is_set():
                break
            for group in optimizer.param_groups:
                group["lr"] = warmup_cosine(step, config.steps, config.warmup_steps, config.learning_rate)
            chosen = torch.randint(len(pixels), (config.batch_size,), generator=generator)
            x0 = from_pixels(pixels[chosen])  # (B, 3, H, W)
            loss = diffusion_loss(denoiser, x0, states[chosen], null_states, generator, config.dropped)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(denoiser.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
            bar.update()
            bar.set_postfix_str(f"loss {losses[-1]:.3f}", refresh=False)
    denoiser.eval()
    return losses
