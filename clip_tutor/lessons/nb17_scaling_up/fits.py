"""A law of size and samples, loss = a · parameters^-p · samples^-s, and how far a forecast from it can be trusted."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Law(NamedTuple):
    """loss = a · parameters^-p · samples^-s, and by how much the runs' logarithms missed it."""

    a: float
    p: float
    s: float
    misses: tuple[float, ...]

    def __call__(self, parameters: float, samples: float) -> float:
        """Return the loss that a model of this size is expected to have after so many samples."""
        return float(self.a * parameters**-self.p * samples**-self.s)


def fit_law(parameters: NDArray[np.float64], samples: NDArray[np.float64], losses: NDArray[np.float64]) -> Law:
    """Return the law nearest to runs given as three columns (n,), by least squares on the logarithms."""
    columns = np.stack([np.ones(len(losses)), -np.log(parameters), -np.log(samples)], axis=1)  # (n, 3)
    found, *_ = np.linalg.lstsq(columns, np.log(losses), rcond=None)
    misses = np.log(losses) - columns @ found
    return Law(float(np.exp(found[0])), float(found[1]), float(found[2]), tuple(misses.tolist()))


def forecast(
    parameters: NDArray[np.float64],
    samples: NDArray[np.float64],
    losses: NDArray[np.float64],
    at: tuple[float, float],
    draws: int = 1000,
) -> tuple[float, float]:
    """Return the 95 % interval of the loss at ``at`` (parameters, samples), from laws fitted to runs that miss anew.

    Each draw gives every run the miss of another one, fits again, and adds a miss to what the new law says. The
    interval therefore knows how far the runs scatter about the law, and not whether the law holds out there.
    Source: Efron 1979, the bootstrap of residuals.
    """
    law, random = fit_law(parameters, samples, losses), np.random.default_rng(0)
    wide = np.sqrt(len(losses) / (len(losses) - 3))  # three numbers were fitted, which makes misses too small
    said = []
    for _ in range(draws):
        misses = wide * random.choice(law.misses, len(losses) + 1)
        again = [law(p, n) * np.exp(m) for p, n, m in zip(parameters, samples, misses, strict=False)]
        said.append(fit_law(parameters, samples, np.array(again))(*at) * np.exp(misses[-1]))
    low, high = np.quantile(said, [0.025, 0.975]).tolist()
    return low, high
