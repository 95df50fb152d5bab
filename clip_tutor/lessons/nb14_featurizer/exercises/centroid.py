"""Exercise 14.1: the class whose mean vector is the nearest."""

import torch
import torch.nn.functional as F

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe
from clip_tutor.lessons.nb14_featurizer.exercises.checks import overlapping


def nearest_centroid(train_features: torch.Tensor, train_labels: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
    """Return (N,): for each vector the class whose centroid is the nearest, in ordinary (Euclidean) distance.

    The centroid of a class is the mean of its training vectors. Classes may have unequally many of them.
    train_features is (T, D), train_labels (T,) whole numbers from 0 to M - 1, each of them used; features is (N, D).
    """
    M = int(train_labels.max()) + 1
    centroids = torch.stack([train_features[train_labels == m].mean(dim=0) for m in range(M)])  # (M, D)
    return torch.cdist(features, centroids).argmin(dim=1)


def _check(answer: Attempt) -> str:
    cases = [((2, 2), 0), ((4, 9, 3), 1), ((30, 3, 12, 6), 2)]
    for counts, seed in cases:
        train, labels = overlapping(counts, seed)
        features, _ = overlapping((40,) * len(counts), seed + 10)
        found, right = answer(train, labels, features), nearest_centroid(train, labels, features)
        demand(
            isinstance(found, torch.Tensor) and found.shape == right.shape and not found.is_floating_point(),
            describe(found),
            f"one class for each of {len(right)} vectors, whole numbers",
        )
        wrong = (found != right).nonzero().flatten()
        demand(
            not len(wrong),
            f"with {', '.join(map(str, counts))} training vectors a class, {len(wrong)} of {len(right)} vectors go to "
            "another class",
            "each vector in the class of the nearest centroid",
        )
    return "the nearest of 2, 3 and 4 centroids, with unequally many vectors a class and centroids of unequal length"


def _means(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return torch.stack([x[y == m].mean(dim=0) for m in range(int(y.max()) + 1)])


def _product(x, y, features):  # type: ignore[no-untyped-def]
    return (features @ _means(x, y).T).argmax(dim=1)


def _cosine(x, y, features):  # type: ignore[no-untyped-def]
    return (F.normalize(features, dim=1) @ F.normalize(_means(x, y), dim=1).T).argmax(dim=1)


def _sums(x, y, features):  # type: ignore[no-untyped-def]
    sums = torch.stack([x[y == m].sum(dim=0) for m in range(int(y.max()) + 1)])
    return torch.cdist(features, sums).argmin(dim=1)


def _farthest(x, y, features):  # type: ignore[no-untyped-def]
    return torch.cdist(features, _means(x, y)).argmax(dim=1)


def _nearest_vector(x, y, features):  # type: ignore[no-untyped-def]
    return y[torch.cdist(features, x).argmin(dim=1)]


def _whole_length(x, y, features):  # type: ignore[no-untyped-def]
    means = _means(x, y)
    return (features @ means.T - (means**2).sum(dim=1)).argmax(dim=1)


CENTROID = Exercise(
    id="14.1",
    title="Nearest centroid",
    difficulty=1,
    minutes=8,
    reference=nearest_centroid,
    check=_check,
    hints=(
        "Make the (M, D) centroids first. How do you choose the rows of `train_features` that belong to class m?",
        "`train_features[train_labels == m].mean(dim=0)` is one centroid, `torch.stack` makes a table of all of them.",
        "`torch.cdist(features, centroids)` is the (N, M) table of distances. The nearest is the smallest.",
    ),
    mutants=(
        Mutant(
            _product,
            "the largest dot product is not the smallest distance: a long centroid wins too often; ½ ‖c‖² is missing",
        ),
        Mutant(_cosine, "lengths were taken away: the smallest angle is not the smallest distance"),
        Mutant(_sums, "vectors were added up and not divided: a class with many of them lies far outside"),
        Mutant(_farthest, "the farthest centroid was chosen: of distances it is the smallest that wins, argmin"),
        Mutant(_nearest_vector, "the nearest training vector was asked for its class, and no mean was taken"),
        Mutant(_whole_length, "‖c‖² is taken away whole: ‖x − c‖² = ‖x‖² − 2 (c·x − ½ ‖c‖²), so it is half of it"),
    ),
    kept=True,
)
