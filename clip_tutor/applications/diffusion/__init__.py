"""Text to image: a denoiser that is told a caption turns noise into an image, step by step.

    from clip_tutor.applications.diffusion import encode_prompts, load_denoiser, sample, to_pixels
    denoiser, clip, tokenizer, _ = load_denoiser()
    states, null_states = encode_prompts(clip, tokenizer, ["two cats"]), encode_prompts(clip, tokenizer, "")
    images = to_pixels(sample(denoiser, states, null_states, steps=50, guidance=3.0, generator=torch.manual_seed(0)))

Read `schedule`, `forward`, `prediction`, `ddpm`, `ddim`, `conditioning`, `blocks`, `denoiser`, `training`, `guidance`,
`sampling`, `files` in this order; then `noised_clip`, `clip_guidance` for guidance by a CLIP.
"""

from clip_tutor.applications.diffusion.blocks import timestep_embedding
from clip_tutor.applications.diffusion.clip_guidance import clip_gradient, move, sample_with_clip, unnoised
from clip_tutor.applications.diffusion.conditioning import (
    STABLE_DIFFUSION_1,
    STABLE_DIFFUSION_2,
    Conditioning,
    encode_prompts,
    prompt_ids,
)
from clip_tutor.applications.diffusion.ddim import ddim_step
from clip_tutor.applications.diffusion.ddpm import ddpm_step
from clip_tutor.applications.diffusion.denoiser import Denoiser, DenoiserConfig
from clip_tutor.applications.diffusion.files import LoadedDenoiser, load_denoiser, save_denoiser, text_origin
from clip_tutor.applications.diffusion.forward import add_noise, from_pixels, to_pixels
from clip_tutor.applications.diffusion.guidance import guide, guide_by_weight
from clip_tutor.applications.diffusion.noised_clip import NoisedCLIPConfig, NoisedImageTower, noised_clip_loss
from clip_tutor.applications.diffusion.noised_files import LoadedNoisedCLIP, load_noised_clip, save_noised_clip
from clip_tutor.applications.diffusion.prediction import target, to_epsilon, to_x0
from clip_tutor.applications.diffusion.sampling import SamplingStep, descend, sample, sample_steps
from clip_tutor.applications.diffusion.schedule import alphas_cumprod, at_timesteps, betas, sampling_timesteps
from clip_tutor.applications.diffusion.training import DiffusionTraining, diffusion_loss, train_denoiser

__all__ = [
    "STABLE_DIFFUSION_1",
    "STABLE_DIFFUSION_2",
    "Conditioning",
    "Denoiser",
    "DenoiserConfig",
    "DiffusionTraining",
    "LoadedDenoiser",
    "LoadedNoisedCLIP",
    "NoisedCLIPConfig",
    "NoisedImageTower",
    "SamplingStep",
    "add_noise",
    "alphas_cumprod",
    "at_timesteps",
    "betas",
    "clip_gradient",
    "ddim_step",
    "ddpm_step",
    "descend",
    "diffusion_loss",
    "encode_prompts",
    "from_pixels",
    "guide",
    "guide_by_weight",
    "load_denoiser",
    "load_noised_clip",
    "move",
    "noised_clip_loss",
    "prompt_ids",
    "sample",
    "sample_steps",
    "sample_with_clip",
    "sampling_timesteps",
    "save_denoiser",
    "save_noised_clip",
    "target",
    "text_origin",
    "timestep_embedding",
    "to_epsilon",
    "to_pixels",
    "to_x0",
    "train_denoiser",
    "unnoised",
]
