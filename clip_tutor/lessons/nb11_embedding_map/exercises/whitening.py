"""Exercise 11.5: PCA whitening, fitted on one set and applied to another."""

import torch

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same


def whiten(fit: torch.Tensor, features: torch.Tensor, k: int) -> torch.Tensor:
    """Return (N, k): features in the k directions in which ``fit`` varies most, each scaled to a variance of 1.

    fit is (M, E): mean, directions and variances are learned from it, and from it alone. A variance divides by M.
    features is (N, E): they are centered with the mean of ``fit``, turned, and scaled.
    The widest direction comes first; the sign of a direction is free. What comes out is not of unit length.
    """
    mean = fit.mean(dim=0)  # (E,)
    covariance = (fit - mean).T @ (fit - mean) / len(fit)  # (E, E)
    variances, directions = torch.linalg.eigh(covariance)  # (E,) from small to large, and (E, E): a column for each
    widest = directions.flip(dims=[1])[:, :k]  # (E, k)
    return (features - mean) @ widest / variances.flip(dims=[0])[:k].sqrt()


def cloud(seed: int, M: int, E: int = 5) -> torch.Tensor:
    """Return (M, E): a long, turned cloud far from the origin."""
    generator = torch.Generator().manual_seed(seed)
    turn, _ = torch.linalg.qr(torch.randn(E, E, generator=generator))
    widths = torch.tensor([3.0, 1.7, 0.9, 0.5, 0.2])[:E]
    return (torch.randn(M, E, generator=generator) * widths) @ turn + torch.randn(E, generator=generator)


def _check(answer: Attempt) -> str:
    for seed, M, N, k in ((0, 40, 7, 3), (1, 30, 5, 2), (2, 50, 6, 5)):
        fit, features = cloud(seed, M), cloud(seed + 10, N)
        found, right = answer(fit, features, k), whiten(fit, features, k)
        demand(
            isinstance(found, torch.Tensor) and found.shape == (N, k),
            f"{describe(found)} for {N} vectors and k = {k}",
            f"a tensor {(N, k)}",
        )
        # The sign of a direction is free: compare what does not depend on it.
        demand(
            same(found.abs(), right.abs()),
            f"a first vector of absolute values {[round(one, 3) for one in found[0].abs().tolist()]}",
            f"{[round(one, 3) for one in right[0].abs().tolist()]}",
        )
        itself = answer(fit, fit, k)
        covariance = itself.T @ itself / M
        demand(
            torch.allclose(covariance, torch.eye(k), atol=1e-3),
            f"for features that ARE fit, variances {[round(one, 3) for one in covariance.diagonal().tolist()]}",
            "variances of 1 and no covariance: that is what white means",
        )
    return "mean and directions from fit alone, the widest first, every variance 1"


def _pieces(fit):  # type: ignore[no-untyped-def]
    mean = fit.mean(dim=0)
    variances, directions = torch.linalg.eigh((fit - mean).T @ (fit - mean) / len(fit))
    return mean, variances.flip(0), directions.flip(1)


def _own_mean(fit, features, k):  # type: ignore[no-untyped-def]
    _, variances, directions = _pieces(fit)
    return (features - features.mean(dim=0)) @ directions[:, :k] / variances[:k].sqrt()


def _fitted_on_features(fit, features, k):  # type: ignore[no-untyped-def]
    return whiten(features, features, k)


def _by_variance(fit, features, k):  # type: ignore[no-untyped-def]
    mean, variances, directions = _pieces(fit)
    return (features - mean) @ directions[:, :k] / variances[:k]


def _only_turned(fit, features, k):  # type: ignore[no-untyped-def]
    mean, _, directions = _pieces(fit)
    return (features - mean) @ directions[:, :k]


def _narrowest(fit, features, k):  # type: ignore[no-untyped-def]
    mean, variances, directions = _pieces(fit)
    return (features - mean) @ directions.flip(1)[:, :k] / variances.flip(0)[:k].sqrt()


def _rows_for_columns(fit, features, k):  # type: ignore[no-untyped-def]
    mean, variances, directions = _pieces(fit)
    return (features - mean) @ directions.flip(1).T.flip(1)[:, :k] / variances[:k].sqrt()


def _not_centered(fit, features, k):  # type: ignore[no-untyped-def]
    _, variances, directions = _pieces(fit)
    return features @ directions[:, :k] / variances[:k].sqrt()


def _scaled_before(fit, features, k):  # type: ignore[no-untyped-def]
    mean, _, directions = _pieces(fit)
    deviation = (fit - mean).square().mean(dim=0).sqrt()
    return ((features - mean) / deviation) @ directions[:, :k]


WHITENING = Exercise(
    id="11.5",
    title="PCA whitening",
    difficulty=3,
    minutes=15,
    reference=whiten,
    check=_check,
    hints=(
        "Three things are learned from `fit`: a mean, directions, and how far it spreads along each of them.",
        "`torch.linalg.eigh` of the covariance (E, E) gives variances from small to large, and a matrix whose COLUMNS "
        "are the directions. You want the last k, the last one first: `flip`.",
        "To give a spread of variance v a variance of 1, divide by its root.",
    ),
    mutants=(
        Mutant(_own_mean, "features were centered with their own mean: a single new vector would become 0"),
        Mutant(_fitted_on_features, "everything was learned from features, and nothing from fit"),
        Mutant(_by_variance, "divided by the variance: its root, the standard deviation, makes a variance of 1"),
        Mutant(_only_turned, "turned but not scaled: that is a PCA, and not yet white"),
        Mutant(_narrowest, "eigh gives the narrowest direction first, and you kept those"),
        Mutant(_rows_for_columns, "the directions are the columns of what eigh returns, not its rows"),
        Mutant(_not_centered, "nothing was centered: subtract the mean of fit"),
        Mutant(_scaled_before, "each coordinate was scaled before the turn; the directions want their own scale"),
    ),
    kind="further",
)
