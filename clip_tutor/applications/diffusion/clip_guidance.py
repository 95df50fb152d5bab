"""CLIP guidance, GLIDE's way: at each step the image is moved so that it comes nearer to a caption.

    x_t ─ denoiser ─▶ x_0 ──────────────────────────────────────────────(+)─ clipped ─ ddim_step ─▶ x_s
      └── image tower ─▶ scale · image · text ─ gradient by x_t ─ s · (1 - ᾱ_t) / √ᾱ_t ─┘

The product of image and text, times CLIP's scale, is the logit of "this text" among all texts, so its gradient stands
for that of log p(text | x_t), and the rule is that of classifier guidance. It takes s · √(1 - ᾱ_t) times the gradient
off the noise ε; for x_0 that is the same as what is added above. The denoiser is asked once a step, and so is the
tower, forward and backward.

At the noisy end √ᾱ is nearly 0, and one divides by it: the smallest gradient drives x_0 to its limits there. So it is
cut off at -1 and 1 once more.

Sources: Nichol et al. 2022, section 2.4; openai/glide-text2im ``glide_text2im/clip/model_creation.py``, cond_fn, and
``glide_text2im/gaussian_diffusion.py``, condition_score; Dhariwal and Nichol 2021, algorithm 2.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.applications.diffusion.denoiser import Denoiser
from clip_tutor.applications.diffusion.noised_clip import NoisedImageTower
from clip_tutor.applications.diffusion.sampling import descend, seen_image, starting_noise
from clip_tutor.applications.diffusion.schedule import at_timesteps
from clip_tutor.model import CLIP

ImageEncoder = Callable[[Tensor, Tensor], Tensor]  # x_t (B, 3, H, W) and t (B,) → (B, E) unit vectors


def clip_gradient(encode: ImageEncoder, noisy: Tensor, t: Tensor, texts: Tensor, logit_scale: float) -> Tensor:
    """Return (B, 3, H, W): in which direction each noisy image becomes more like its text, and how fast.

    Args:
        encode: a `NoisedImageTower`, or an ordinary CLIP by `unnoised`.
        noisy: x_t, (B, 3, H, W).
        t: (B,).
        texts: (B, E), unit vectors.
        logit_scale: of the CLIP that the texts are from.
    """
    with torch.enable_grad():
        variable = noisy.detach().requires_grad_()
        logits = logit_scale * (encode(variable, t) * texts).sum()
        (gradient,) = torch.autograd.grad(logits, variable)
    return gradient


def unnoised(clip: CLIP) -> ImageEncoder:
    """Return the image tower of an ordinary CLIP as an encoder that takes noise for part of the image.

    It is shown x_t at the size and in the normalization that it knows, and the timestep is not told.
    """
    size, normalize = clip.config.vision.image_size, clip.config.preprocessing.normalize

    def encode(noisy: Tensor, t: Tensor) -> Tensor:
        pixels = F.interpolate((noisy + 1) / 2, (size, size), mode="bicubic")  # from 0 to 1, and beyond
        return clip.encode_image(normalize(pixels), normalize=True)

    return encode


def move(x0: Tensor, gradient: Tensor, alpha_bar: Tensor, scale: float) -> Tensor:
    """Return (B, 3, H, W) from -1 to 1: x_0 after a gradient was taken off its noise.

    Args:
        x0: what the denoiser sees in x_t, (B, 3, H, W).
        gradient: of log p(text | x_t) by x_t.
        alpha_bar: ᾱ_t, one number or (B, 1, 1, 1).
        scale: s; 0 leaves x_0 as it is.
    """
    return (x0 + scale * (1 - alpha_bar) / alpha_bar.sqrt() * gradient).clamp(-1, 1)


def sample_with_clip(
    denoiser: Denoiser,
    states: Tensor,
    encode: ImageEncoder,
    texts: Tensor,
    logit_scale: float,
    steps: int,
    scale: float,
    generator: torch.Generator,
) -> Tensor:
    """Return (B, 3, H, W), images from -1 to 1 that a CLIP has guided towards texts, made by DDIM.

    Args:
        denoiser: told ``states`` and not guided otherwise.
        states: (B, T, D), of the captions, or of the empty one, so that only the CLIP knows them.
        encode: a `NoisedImageTower`, or an ordinary CLIP by `unnoised`.
        texts: (B, E), of the captions, unit vectors of the CLIP that ``encode`` belongs to.
        logit_scale: of that CLIP.
        steps: how often both are asked, 1 to 1000.
        scale: s; 0 is no guidance, GLIDE's notebook has 3.
        generator: draws the noise.

    Raises:
        ValueError: steps out of range, a scale below 0, states of another shape, not as many texts, or a tower of
            another noise schedule.
    """
    denoiser.check_states(states)
    if len(texts) != len(states):
        raise ValueError(f"{len(texts)} texts for the CLIP and states of {len(states)} captions: one of each an image")
    if not scale >= 0:
        raise ValueError(f"a scale of {scale} leads away from the text: take 0, which is no guidance, or more")
    if isinstance(encode, NoisedImageTower) and encode.config.schedule != denoiser.config.schedule:
        raise ValueError(
            f"the noised CLIP was trained with the schedule {encode.config.schedule!r} and the denoiser with "
            f"{denoiser.config.schedule!r}: the same t would mean another amount of noise to each"
        )

    def see(noisy: Tensor, t: Tensor) -> Tensor:
        x0 = seen_image(denoiser, noisy, t, states, states, 1.0)
        gradient = clip_gradient(encode, noisy, t, texts, logit_scale)
        return move(x0, gradient, at_timesteps(denoiser.alphas_cumprod, t), scale)

    *_, last = descend(starting_noise(denoiser, states, generator), denoiser.alphas_cumprod, steps, see)
    return last.x0
