"""One step of DDPM: a little less noise, and fresh noise instead of some of the old.

    q(x_s | x_t, x_0) = normal( mean(x_t, x_0), variance )          s, the timestep before t

If x_0 were known, Bayes' rule would say how x_s is distributed, and it is a normal distribution again. The denoiser's
guess takes the place of x_0. In the paper s is t - 1, a thousand times; with fewer steps, s lies further below.

Source: Ho et al. 2020, equations 6 and 7, with the lower of the two variances of section 3.2.
"""

from torch import Tensor


def ddpm_step(noisy: Tensor, x0: Tensor, alpha_bar: Tensor, alpha_bar_prev: Tensor, noise: Tensor) -> Tensor:
    """Return x_s, of the shape of x_t (B, C, H, W).

    Args:
        noisy: x_t.
        x0: the image that the denoiser sees in it; of the same shape, like ``noise``.
        alpha_bar: ᾱ_t, one number.
        alpha_bar_prev: ᾱ_s, of the timestep that the step leads to; 1, the image itself, for the last.
        noise: fresh, from a normal distribution.
    """
    alpha = alpha_bar / alpha_bar_prev  # what these steps leave of the variance
    mean = alpha_bar_prev.sqrt() * (1 - alpha) / (1 - alpha_bar) * x0
    mean = mean + alpha.sqrt() * (1 - alpha_bar_prev) / (1 - alpha_bar) * noisy
    variance = (1 - alpha_bar_prev) / (1 - alpha_bar) * (1 - alpha)
    return mean + variance.sqrt() * noise
