"""Exercise 10.5: a threshold that depends on the model and the images, from what random captions reach."""

import torch

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe


def fits(scores: torch.Tensor, random_scores: torch.Tensor, least: float) -> torch.Tensor:
    """Return (N,) of bools: which of N images fit a query better than chance.

    scores is (N,): the query's cosine to each image. random_scores is (R, N): those of R captions of random words.
    Each random caption has a best score, although nothing fits it. An image fits if its score lies at least ``least``
    standard deviations above the mean of these R best scores; the standard deviation is theirs, too.
    """
    best = random_scores.amax(dim=1)  # (R,)
    z = (scores - best.mean()) / best.std(correction=0)  # (N,)
    return z >= least


def _world(seed: int, level: float, spread: float, gain: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return scores (N,) of a query and (R, N) of random captions, as a model of this level and spread gives them."""
    random = torch.Generator().manual_seed(seed)
    scores = torch.randn(30, generator=random)
    scores[:3] += gain * torch.tensor([1.0, 0.8, 0.5])
    return level + spread * scores, level + spread * torch.randn(40, 30, generator=random)


CASES = (
    # In the first one every known mistake accepts another number of images.
    (
        *_world(0, 0.20, 0.03, 6.0),
        0.5,
        "a model whose random scores lie around 0.20, and a query that fits three images",
    ),
    (*_world(1, 0.20, 0.02, 0.0), 0.5, "the same model, and a query that fits nothing"),
    (*_world(2, 0.60, 0.05, 5.0), 0.5, "a model whose random scores lie around 0.60"),
    (*_world(3, -0.05, 0.10, 4.0), 0.5, "a model whose random scores lie around −0.05"),
    (*_world(4, 0.20, 0.02, 4.0), 2.0, "a threshold of 2 standard deviations"),
    (*_world(5, 0.20, 0.02, 4.0), -1.0, "a threshold of −1"),
)


def _check(answer: Attempt) -> str:
    for scores, random_scores, least, what in CASES:
        found, right = answer(scores, random_scores, least), fits(scores, random_scores, least)
        demand(
            isinstance(found, torch.Tensor) and found.shape == right.shape and found.dtype == torch.bool,
            f"{describe(found)}" + (f" of {found.dtype}" if isinstance(found, torch.Tensor) else ""),
            f"a tensor {tuple(right.shape)} of bools",
        )
        demand(
            torch.equal(found, right),
            f"{int(found.sum())} images that fit, rows {found.nonzero()[:, 0].tolist()}, for {what}",
            f"{int(right.sum())}, rows {right.nonzero()[:, 0].tolist()}",
        )
    return "the same rule for models of four kinds, for queries that fit something and for one that fits nothing"


def _by(mean, std):  # type: ignore[no-untyped-def]
    return lambda scores, least: (scores - mean) / std >= least


def _over_all(scores, random_scores, least):  # type: ignore[no-untyped-def]
    return (scores - random_scores.mean()) / random_scores.std(correction=0) >= least


def _own_scores(scores, random_scores, least):  # type: ignore[no-untyped-def]
    return (scores - scores.mean()) / scores.std(correction=0) >= least


def _of_each_image(scores, random_scores, least):  # type: ignore[no-untyped-def]
    return (scores - random_scores.mean(dim=0)) / random_scores.std(dim=0, correction=0) >= least


def _best_of_each_image(scores, random_scores, least):  # type: ignore[no-untyped-def]
    best = random_scores.amax(dim=0)
    return (scores - best.mean()) / best.std(correction=0) >= least


def _without_spread(scores, random_scores, least):  # type: ignore[no-untyped-def]
    return scores - random_scores.amax(dim=1).mean() >= least


def _highest(scores, random_scores, least):  # type: ignore[no-untyped-def]
    return scores >= random_scores.max()


def _all_or_none(scores, random_scores, least):  # type: ignore[no-untyped-def]
    best = random_scores.amax(dim=1)
    return ((scores.max() - best.mean()) / best.std(correction=0) >= least).expand(len(scores))


FITTING = Exercise(
    id="10.5",
    title="Nothing here fits",
    difficulty=2,
    minutes=10,
    reference=fits,
    check=_check,
    hints=(
        "What would the query's best score be if it fitted nothing? Each random caption gives one such number: which "
        "one of its N?",
        "R best scores have a mean and a standard deviation. By how many of the latter does each of the query's scores "
        "lie above the former?",
        "`random_scores.amax(dim=1)` is (R,); `(scores - mean) / std >= least` is (N,) of bools.",
    ),
    mutants=(
        Mutant(
            lambda scores, random_scores, least: scores >= 0.25,
            "a fixed line: right for one model and one collection, and wrong for the next. What do random words get "
            "HERE?",
        ),
        Mutant(
            _over_all,
            "compared with ALL scores of random captions: the best of N is far above their mean even where nothing "
            "fits. Compare like with like, a best score with best scores",
        ),
        Mutant(
            _own_scores,
            "compared with the query's own scores: some image is always far above their mean, whatever was asked",
        ),
        Mutant(
            _of_each_image, "each image was compared with its own random scores: the best of N is still a best of N"
        ),
        Mutant(_best_of_each_image, "amax over the captions: that is the best caption of each image, (N,), not (R,)"),
        Mutant(_without_spread, "the difference was not divided by the standard deviation: that is no number of them"),
        Mutant(_highest, "the highest random score is one lucky caption, and with more captions it only grows"),
        Mutant(_all_or_none, "all images were accepted or none: each has a score of its own"),
    ),
    kept=True,
)
