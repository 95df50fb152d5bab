"""Token states handed to a U-Net of `diffusers`, the way that Stable Diffusion draws.

    states, null states ─ U-Net, guided ─ scheduler ─▶ latents (B, 4, H/8, W/8) ─ decoder ─▶ images

Nothing here imports `diffusers`: whoever has it hands over its parts.

Source: diffusers ``pipelines/stable_diffusion/pipeline_stable_diffusion.py``.
"""

from typing import Any

import torch
from huggingface_hub import try_to_load_from_cache
from torch import Tensor

from clip_tutor.applications.diffusion import guide


def weights_at_hand(repository: str) -> bool:
    """Return whether the U-Net of a repository of the Hub lies in this machine's cache; nothing is downloaded."""
    return isinstance(try_to_load_from_cache(repository, "unet/config.json"), str)


@torch.no_grad()
def draw_published(
    unet: Any,
    vae: Any,
    scheduler: Any,
    states: Tensor,
    null_states: Tensor,
    steps: int,
    guidance: float,
    generator: torch.Generator,
) -> Tensor:
    """Return (B, 3, H, W) images from 0 to 1, for token states (B, T, D).

    Args:
        unet, vae, scheduler: a UNet2DConditionModel, an AutoencoderKL and a scheduler without noise of its own.
        null_states: (1, T, D), of the empty prompt.
        steps: of the scheduler.
        guidance: s, as Imagen counts.
        generator: draws the noise.
    """
    B, side = len(states), unet.config.sample_size
    scheduler.set_timesteps(steps)
    shape = (B, unet.config.in_channels, side, side)
    x = torch.randn(shape, generator=generator) * scheduler.init_noise_sigma  # (B, 4, H/8, W/8)
    both = torch.cat([null_states.expand_as(states), states])  # (2 · B, T, D)
    for t in scheduler.timesteps:
        twice = scheduler.scale_model_input(torch.cat([x, x]), t)
        unconditional, conditional = unet(twice, t, encoder_hidden_states=both).sample.chunk(2)
        x = scheduler.step(guide(unconditional, conditional, guidance), t, x).prev_sample
    images = vae.decode(x / vae.config.scaling_factor).sample  # (B, 3, H, W)
    return (images / 2 + 0.5).clamp(0, 1)
