"""Exercise 21.4: an image made of waves."""

from collections.abc import Callable

import torch
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same


def waves_to_pixels(spectrum: torch.Tensor) -> torch.Tensor:
    """Return (B, 3, side, side) pixels from 0 to 1, made of waves.

    spectrum is complex, (B, 3, side, side // 2 + 1), as ``torch.fft.rfft2`` lays it out; side is even. The wave in row
    i and column j has the frequency f = √(fy² + fx²) in waves a pixel, fy from ``torch.fft.fftfreq(side)`` for the row,
    fx from ``torch.fft.rfftfreq(side)`` for the column; the constant wave has f = 0, which counts as 1 / side, the
    smallest of the others. Each wave is multiplied with 1 / f, then all are added up by ``torch.fft.irfft2`` with
    norm="ortho", and what comes out is divided by 4 and put through a sigmoid.
    """
    side = spectrum.shape[-2]
    fy, fx = torch.fft.fftfreq(side)[:, None], torch.fft.rfftfreq(side)[None]
    f = (fy**2 + fx**2).sqrt().clamp(min=1 / side)  # (side, side // 2 + 1)
    return (torch.fft.irfft2(spectrum / f, s=(side, side), norm="ortho") / 4).sigmoid()


def _spectrum(B: int, side: int, seed: int) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(B, 3, side, side // 2 + 1, dtype=torch.complex64, generator=random) / side


def _check(pixels_of: Attempt) -> str:
    for seed, (B, side) in enumerate(((1, 6), (2, 8), (1, 16))):
        spectrum = _spectrum(B, side, seed)
        answer, right = pixels_of(spectrum), waves_to_pixels(spectrum)
        demand(
            isinstance(answer, Tensor) and answer.shape == right.shape and not answer.is_complex(),
            f"the result is {describe(answer)} for a spectrum {tuple(spectrum.shape)}",
            f"a real tensor {tuple(right.shape)}",
        )
        demand(
            bool((answer >= 0).all() and (answer <= 1).all()),
            f"pixels from {answer.min():.2f} to {answer.max():.2f}",
            "pixels from 0 to 1",
            "the sigmoid comes last, behind the inverse transform",
        )
        rows = {
            "the constant wave": (0, 0),
            "a slow wave across": (0, 1),
            "a fast wave down": (side // 2, 0),
            "a slow wave upwards": (side - 1, 0),
        }
        for name, (i, j) in rows.items():
            single = torch.zeros(1, 3, side, side // 2 + 1, dtype=torch.complex64)
            single[..., i, j] = 0.5
            found, wanted = pixels_of(single), waves_to_pixels(single)
            demand(
                same(found, wanted),
                f"pixels from {found.min():.3f} to {found.max():.3f} for {name}, of {side} × {side}",
                f"from {wanted.min():.3f} to {wanted.max():.3f}",
            )
        demand(same(answer, right), f"other pixels for a spectrum {tuple(spectrum.shape)}", "the sum of all waves")
        gradient, expected = (_gradient(pixels, spectrum) for pixels in (pixels_of, waves_to_pixels))
        demand(
            same(gradient, expected),
            f"{'no' if gradient is None else 'another'} gradient at the spectrum",
            "a gradient for each wave: it is the waves that climb",
            "`detach`, `.data` and `no_grad` cut the way back from the pixels",
        )
    return "spectra of 6, 8 and 16 pixels: the constant wave, slow and fast ones, both ways, their sum, the gradient"


def _gradient(pixels_of: Callable[[Tensor], Tensor], spectrum: Tensor) -> Tensor | None:
    """Return the gradient of the pixels, each with another weight, at the spectrum; None where none arrives."""
    leaf = spectrum.clone().requires_grad_()
    pixels = pixels_of(leaf)
    if not pixels.requires_grad:
        return None
    weights = torch.linspace(1, 2, pixels.numel()).view_as(pixels)
    return torch.autograd.grad((weights * pixels).sum(), leaf, allow_unused=True)[0]


def _frequencies(side: int) -> Tensor:
    fy, fx = torch.fft.fftfreq(side)[:, None], torch.fft.rfftfreq(side)[None]
    return (fy**2 + fx**2).sqrt()


def _with(scale=None, back=None):  # type: ignore[no-untyped-def]
    """Return the waves with another factor, or another way back to pixels."""

    def answer(spectrum):  # type: ignore[no-untyped-def]
        side = spectrum.shape[-2]
        f = _frequencies(side)
        scaled = spectrum * (scale(f, side) if scale else 1 / f.clamp(min=1 / side))
        if back:
            return back(scaled, side)
        return (torch.fft.irfft2(scaled, s=(side, side), norm="ortho") / 4).sigmoid()

    return answer


def _added(spectrum: Tensor) -> Tensor:
    side = spectrum.shape[-2]
    f = torch.fft.fftfreq(side)[:, None].abs() + torch.fft.rfftfreq(side)[None]
    return (torch.fft.irfft2(spectrum / f.clamp(min=1 / side), s=(side, side), norm="ortho") / 4).sigmoid()


def _rows_in_order(spectrum: Tensor) -> Tensor:
    side = spectrum.shape[-2]
    fy, fx = torch.arange(side)[:, None] / side, torch.fft.rfftfreq(side)[None]
    f = (fy**2 + fx**2).sqrt().clamp(min=1 / side)
    return (torch.fft.irfft2(spectrum / f, s=(side, side), norm="ortho") / 4).sigmoid()


FOURIER = Exercise(
    id="21.4",
    title="An image made of waves",
    difficulty=2,
    minutes=12,
    reference=waves_to_pixels,
    check=_check,
    hints=(
        "First a table of frequencies, as large as one color of the spectrum: `fftfreq(side)` as a column, "
        "`rfftfreq(side)` as a row, and Pythagoras.",
        "`.clamp(min=1 / side)` keeps the constant wave, whose frequency is 0, from being divided by 0.",
        '`torch.fft.irfft2(spectrum / f, s=(side, side), norm="ortho")` is real. Then / 4, then `.sigmoid()`.',
    ),
    mutants=(
        Mutant(_with(scale=lambda f, side: torch.ones_like(f)), "no wave was multiplied with 1 / f"),
        Mutant(
            _with(scale=lambda f, side: f.clamp(min=1 / side)),
            "multiplied with f: fine waves would become the strongest, and noise is made of those",
        ),
        Mutant(
            _with(scale=lambda f, side: torch.where(f > 0, 1 / f, 0)),
            "the constant wave is gone: nothing could make the whole image darker or lighter. Its f counts as 1 / side",
        ),
        Mutant(_with(scale=lambda f, side: 1 / f.clamp(min=1 / side) ** 2), "1 / f²: too little is left of fine waves"),
        Mutant(
            _with(scale=lambda f, side: 1 / torch.where(f > 0, f, 1.0)),
            "the f of the constant wave was taken for 1: it counts as 1 / side",
        ),
        Mutant(
            _with(scale=lambda f, side: 1 / (f**2).clamp(min=1 / side)),
            "f is the root of fy² + fx²: the root is missing",
        ),
        Mutant(_added, "fy and fx were added: the two are at right angles, √(fy² + fx²)"),
        Mutant(
            _with(scale=lambda f, side: 1 / (f + 1 / side)),
            "1 / side was added to every f: only the constant wave's is to be changed",
        ),
        Mutant(
            _with(back=lambda scaled, side: (torch.fft.irfft2(scaled, s=(side, side)) / 4).sigmoid()),
            'without norm="ortho" the sum is divided by all pixels once more: the image is next to gray',
        ),
        Mutant(
            _with(back=lambda scaled, side: torch.fft.irfft2(scaled, s=(side, side), norm="ortho").sigmoid()),
            "not divided by 4",
        ),
        Mutant(
            _with(
                back=lambda scaled, side: (torch.fft.irfft2(scaled, s=(side, side), norm="ortho") / 4 + 0.5).clamp(0, 1)
            ),
            "clamped instead of a sigmoid: beyond 0 and 1 there would be no gradient",
        ),
        Mutant(
            _rows_in_order,
            "the rows are not in order: behind the middle come the waves that go the other way, the slowest last. "
            "`fftfreq` knows",
        ),
    ),
)
