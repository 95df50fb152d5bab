"""Pixels and waves hold the same images; a step of the optimizer does not do the same to both."""

import math

import numpy as np
import pytest
import torch

from clip_tutor.applications.guidance import FourierImage, PixelImage, frequency_scale

SIDE = 16


def lucids(spectrum: torch.Tensor) -> np.ndarray:
    """lucid's `fft_image` behind a sigmoid, written down from its formulas in NumPy."""
    fy, fx = np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE)[: SIDE // 2 + 1]
    scale = 1 / np.maximum(np.sqrt(fx * fx + fy * fy), 1 / SIDE) * np.sqrt(SIDE * SIDE)
    pixels = np.fft.irfft2(scale * torch.view_as_complex(spectrum).numpy(), s=(SIDE, SIDE)) / 4
    return 1 / (1 + np.exp(-pixels))


def test_a_fourier_image_is_lucids():
    image = FourierImage(SIDE, batch=2, seed=3)
    with torch.no_grad():
        image.spectrum.mul_(30)
        np.testing.assert_allclose(image().numpy(), lucids(image.spectrum.detach()), atol=1e-5)


def test_both_begin_gray_and_with_another_seed_otherwise():
    for form in (PixelImage, FourierImage):
        one, same, other = (form(SIDE, 2, seed)() for seed in (0, 0, 1))
        assert one.shape == (2, 3, SIDE, SIDE) and torch.equal(one, same) and not torch.equal(one, other)
        assert (one - 0.5).abs().max() < 0.1 and not torch.equal(one[0], one[1])


def test_both_can_be_any_image():
    target = 0.1 + 0.8 * torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    pixels, waves = PixelImage(SIDE), FourierImage(SIDE)
    with torch.no_grad():
        pixels.logits.copy_(target.logit())
        spectrum = torch.fft.rfft2(4 * target.logit(), norm="ortho") / frequency_scale(SIDE)
        waves.spectrum.copy_(torch.view_as_real(spectrum))
        for form in (pixels, waves):
            torch.testing.assert_close(form(), target, atol=1e-5, rtol=1e-5)


def test_a_step_changes_coarse_waves_most():
    strengths = {}
    for form in (PixelImage, FourierImage):
        image = form(SIDE)
        before = image().detach()
        parameter = next(image.parameters())
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():  # as large for every number, as a first step of Adam is
            parameter += 0.05 * torch.randn(parameter.shape, generator=generator).sign()
            waves = torch.fft.rfft2(image() - before, norm="ortho").abs().mean(dim=(0, 1))
        slow, fast = waves[0, 1].item(), waves[SIDE // 2, SIDE // 2].item()
        strengths[form] = slow / fast
    assert strengths[FourierImage] > 4 * strengths[PixelImage]


def test_the_constant_wave_counts_as_the_slowest_one():
    scale = frequency_scale(8)
    assert scale.shape == (8, 5)
    assert scale[0, 0] == scale[0, 1] == pytest.approx(8)
    assert scale[4, 4].item() == pytest.approx(1 / (0.5 * math.sqrt(2)), rel=1e-5)
