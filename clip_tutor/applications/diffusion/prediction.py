"""What a denoiser predicts: the noise ε, the image x_0, or v. Whoever knows x_t and one of them knows the others.

    x_t = √ᾱ · x_0 + √(1 - ᾱ) · ε           cos φ = √ᾱ, sin φ = √(1 - ᾱ)
    v   = √ᾱ · ε   - √(1 - ᾱ) · x_0         x_t turned by a quarter of a circle

                      ε predicted                      v predicted
    x_0  =  (x_t - √(1 - ᾱ) · ε) / √ᾱ          √ᾱ · x_t - √(1 - ᾱ) · v

At t = 999 hardly any image is left in x_t. To get x_0 from ε one then divides by nearly 0, and a small mistake becomes
a large one. Nothing is divided for v: at the noisy end it is -x_0, at the clean end ε, and a denoiser that learns v
learns at each end what cannot be read off x_t.

Sources: Ho et al. 2020, section 3.2 (ε); Salimans and Ho 2022, "Progressive Distillation for Fast Sampling of Diffusion
Models", section 4 and appendix D (v).
"""

from typing import Literal, get_args

from torch import Tensor

Prediction = Literal["epsilon", "x0", "v"]
# What `diffusers` calls them, in ``prediction_type``.
DIFFUSERS_PREDICTIONS = {"epsilon": "epsilon", "x0": "sample", "v": "v_prediction"}


def check_prediction(prediction: Prediction) -> None:
    """Refuse a name that stands for no prediction.

    Raises:
        ValueError: it is none of "epsilon", "x0", "v".
    """
    if prediction not in get_args(Prediction):
        raise ValueError(
            f"there is no prediction {prediction!r}: a denoiser predicts {', '.join(get_args(Prediction))}"
        )


def target(x0: Tensor, noise: Tensor, alpha_bar: Tensor, prediction: Prediction) -> Tensor:
    """Return what the denoiser should have said, of the shape of x_0 (B, C, H, W).

    Args:
        noise: ε, which was mixed into the image; of the same shape.
        alpha_bar: ᾱ_t, one number or (B, 1, 1, 1).
    """
    if prediction == "epsilon":
        return noise
    if prediction == "x0":
        return x0
    return alpha_bar.sqrt() * noise - (1 - alpha_bar).sqrt() * x0


def to_x0(output: Tensor, noisy: Tensor, alpha_bar: Tensor, prediction: Prediction) -> Tensor:
    """Return x_0, the image that an output speaks of, of the same shape (B, C, H, W).

    Args:
        output: what the denoiser said about x_t.
        noisy: x_t, of the same shape.
        alpha_bar: ᾱ_t, one number or (B, 1, 1, 1).
    """
    if prediction == "epsilon":
        return (noisy - (1 - alpha_bar).sqrt() * output) / alpha_bar.sqrt()
    if prediction == "x0":
        return output
    return alpha_bar.sqrt() * noisy - (1 - alpha_bar).sqrt() * output


def to_epsilon(output: Tensor, noisy: Tensor, alpha_bar: Tensor, prediction: Prediction) -> Tensor:
    """Return ε, the noise that an output speaks of; arguments and shapes are those of `to_x0`."""
    if prediction == "epsilon":
        return output
    if prediction == "x0":
        return (noisy - alpha_bar.sqrt() * output) / (1 - alpha_bar).sqrt()
    return alpha_bar.sqrt() * output + (1 - alpha_bar).sqrt() * noisy
