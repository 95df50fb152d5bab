"""What a prior learns from: noise is mixed into an image embedding, and it is to say what the embedding was.

    image embeddings ─ √E times as long ─ add_noise at a random t ─▶ x_t ─┐
    captions ─ CLIP, frozen ─▶ states, text embeddings ───────────────────┴ prior ─▶ x_0 ── mean squared error

Source: Ramesh et al. 2022, section 2.2.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.applications.diffusion.forward import add_noise
from clip_tutor.applications.diffusion.schedule import TIMESTEPS
from clip_tutor.applications.unclip.embeddings import check_embeddings, to_variance_1
from clip_tutor.applications.unclip.prior import Prior


def prior_loss(prior: Prior, images: Tensor, states: Tensor, texts: Tensor, generator: torch.Generator) -> Tensor:
    """Return the mean squared error of what the prior says about B noisy embeddings, each at a timestep of its own.

    Args:
        images: (B, E), of the images; unit vectors.
        states: (B, T, D), of their captions.
        texts: (B, E), of their captions; unit vectors.
        generator: draws timesteps and noise; on the CPU.

    Raises:
        ValueError: embeddings of another width or length.
    """
    for embeddings in (images, texts):
        check_embeddings(embeddings, prior.config.embed_dim)
    x0 = to_variance_1(images)  # (B, E)
    t = torch.randint(TIMESTEPS, (len(x0),), generator=generator).to(x0.device)
    noise = torch.randn(x0.shape, generator=generator).to(x0)
    noisy = add_noise(x0, noise, prior.alphas_cumprod[t][:, None])
    return F.mse_loss(prior(noisy, t, states, to_variance_1(texts)), x0)
