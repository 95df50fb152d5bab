"""From image embeddings to images, and from an image to the noise that it comes from.

    embedding + noise ─ decode ─▶ image                other noise: a variation of the image
    embedding + image ─ invert ─▶ noise                this noise, another embedding: the image, edited

An embedding says what is in an image; where it stands and how it is turned, it says less well. That comes from the
noise. DDIM draws no random numbers on its way, so it can be walked backward, step by step: from an image to noise that
gives about this image again.

The paper draws a variation from the image's own noise, with fresh noise on the way (DDIM with η > 0), so that it stays
near the image. Here the noise to begin with is another one.

Sources: Ramesh et al. 2022, sections 3.1 and 3.3; Song et al. 2021, section 4.3.
"""

from itertools import pairwise

import torch
from torch import Tensor

from clip_tutor.applications.diffusion.forward import add_noise
from clip_tutor.applications.diffusion.guidance import check_guidance
from clip_tutor.applications.diffusion.prediction import to_epsilon, to_x0
from clip_tutor.applications.diffusion.sampling import descend, sample, seen_image
from clip_tutor.applications.diffusion.schedule import sampling_timesteps
from clip_tutor.applications.unclip.decoder import Decoder
from clip_tutor.applications.unclip.embeddings import check_embeddings


def decode(
    decoder: Decoder,
    embeddings: Tensor,
    steps: int,
    guidance: float,
    generator: torch.Generator | None = None,
    noise: Tensor | None = None,
) -> Tensor:
    """Return (B, 3, H, W), an image from -1 to 1 for each embedding; `to_pixels` makes uint8 of them.

    Args:
        embeddings: (B, E), unit vectors of the CLIP that the decoder was trained beside.
        steps: of DDIM, 1 to 1000.
        guidance: s; 1 is the embedding without guidance, above 1 exaggerates it.
        generator: draws the noise.
        noise: (B, 3, H, W), to begin with, for instance from `invert`. Give one of the two.

    Raises:
        ValueError: steps or guidance out of range, both or neither of generator and noise, or embeddings of another
            width or length.
    """
    check_embeddings(embeddings, decoder.embed_dim)
    states = embeddings[:, None]  # (B, 1, E)
    nothing = torch.zeros_like(states[:1])
    if (generator is None) == (noise is None):
        raise ValueError("give either a generator, which draws the noise to begin with, or that noise itself")
    if generator is not None:
        return sample(decoder, states, nothing, steps, guidance, generator)
    assert noise is not None
    check_guidance(guidance)

    def see(noisy: Tensor, t: Tensor) -> Tensor:
        return seen_image(decoder, noisy, t, states, nothing.expand_as(states), guidance)

    for step in descend(noise, decoder.alphas_cumprod, steps, see):  # noqa: B007
        pass
    return step.x0


@torch.no_grad()
def invert(decoder: Decoder, images: Tensor, embeddings: Tensor, steps: int) -> Tensor:
    """Return (B, 3, H, W), noise from which `decode` without guidance makes about these images again.

    Args:
        images: (B, 3, H, W), from -1 to 1.
        embeddings: (B, E), theirs, unit vectors.
        steps: 1 to 1000; the more, the closer.

    Raises:
        ValueError: steps out of range, or embeddings of another width or length.
    """
    check_embeddings(embeddings, decoder.embed_dim)
    upward = sampling_timesteps(steps)[::-1]
    alpha_bars = [torch.ones((), device=images.device), *decoder.alphas_cumprod[upward]]  # from the image itself up
    noisy = images
    for t, (alpha_bar, alpha_bar_next) in zip(upward, pairwise(alpha_bars), strict=True):
        # On its way down to here `decode` asks at t. What stands at t is not known yet; what stands here is close.
        output = decoder(noisy, torch.full((len(images),), t, device=images.device), embeddings[:, None])
        x0, epsilon = (to(output, noisy, alpha_bar, decoder.config.prediction) for to in (to_x0, to_epsilon))
        noisy = add_noise(x0, epsilon, alpha_bar_next)
    return noisy
