"""One step of DDIM: take the noise off, and put less of the very same noise on again.

    x_t ─ denoiser ─▶ x_0 and ε ─ add_noise at s ─▶ x_s          s, the timestep before t, as far below as one likes

Nothing is drawn at random: the image is a function of the noise that sampling began with. The same seed gives the same
image, and few steps give about the image that many give.

Source: Song et al. 2021, "Denoising Diffusion Implicit Models", equation 12 with σ = 0, and section 5.2.
"""

from torch import Tensor

from clip_tutor.applications.diffusion.forward import add_noise
from clip_tutor.applications.diffusion.prediction import to_epsilon


def ddim_step(noisy: Tensor, x0: Tensor, alpha_bar: Tensor, alpha_bar_prev: Tensor) -> Tensor:
    """Return x_s, of the shape of x_t (B, C, H, W).

    Args:
        noisy: x_t.
        x0: the image that the denoiser sees in it, of the same shape. All else in x_t is taken for noise: where x_0 was
            cut off at -1 or 1, the noise changes with it, as in GLIDE.
        alpha_bar: ᾱ_t, one number.
        alpha_bar_prev: ᾱ_s, of the timestep that the step leads to; 1, the image itself, for the last.
    """
    epsilon = to_epsilon(x0, noisy, alpha_bar, "x0")
    return add_noise(x0, epsilon, alpha_bar_prev)
