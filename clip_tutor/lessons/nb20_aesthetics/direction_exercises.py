"""Exercises 20.5 and 20.6: a query that is nudged towards a taste, and a taste from which an attribute is taken."""

import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same


def nudge(query: torch.Tensor, taste: torch.Tensor, weight: float) -> torch.Tensor:
    """Return the (E,) query vector, moved by ``weight`` towards a taste, at unit length.

    query is (E,) and has unit length. taste is (E,), the weights of a head, of any length: only its direction counts.
    A weight of 1 makes the taste as important as the query, 0 leaves the query as it is, and below 0 the query is moved
    away from what is liked.
    """
    return F.normalize(query + weight * F.normalize(taste, dim=0), dim=0)


def _vectors(E: int, seed: int) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(E, generator=random), dim=0), 7 * torch.randn(E, generator=random)


def _check_nudge(nudged: Attempt) -> str:
    for seed, weight in enumerate((0.5, 0.0, 1.0, -0.7, 3.0)):
        query, taste = _vectors(6, seed)
        answer, right = nudged(query, taste, weight), nudge(query, taste, weight)
        demand(
            isinstance(answer, Tensor) and answer.shape == query.shape,
            f"the result is {describe(answer)}",
            f"a tensor {tuple(query.shape)}",
        )
        demand(
            abs(answer.norm().item() - 1) < 1e-4,
            f"a query of length {answer.norm():.3f} with the weight {weight:g}",
            "unit length",
            "a search compares cosines, and the query's part of it is a vector of length 1",
        )
        demand(
            same(answer, right),
            f"with the weight {weight:g} its cosine to the taste is {F.cosine_similarity(answer, taste, dim=0):.3f}",
            f"{F.cosine_similarity(right, taste, dim=0):.3f}",
        )
    return "weights from −0.7 to 3, a taste whose length does not count, and unit length"


NUDGE = Exercise(
    id="20.5",
    title="A nudged query",
    difficulty=1,
    minutes=5,
    reference=nudge,
    check=_check_nudge,
    hints=(
        "A head's weights have any length. Make a direction of them before the weight can mean anything.",
        "Move first, then bring the result to unit length: `F.normalize` twice.",
    ),
    mutants=(
        Mutant(lambda q, t, w: q + w * F.normalize(t, dim=0), "the result has not been brought to unit length"),
        Mutant(
            lambda q, t, w: F.normalize(q + w * t, dim=0),
            "the taste was added at its own length: with a long one, any weight drowns the query",
        ),
        Mutant(
            lambda q, t, w: F.normalize((1 - w) * q + w * F.normalize(t, dim=0), dim=0),
            "(1 − weight) × query: then a weight of 1 forgets the query. The query counts 1, whatever the weight",
        ),
        Mutant(lambda q, t, w: F.normalize(q - w * F.normalize(t, dim=0), dim=0), "the sign: away from what is liked"),
        Mutant(
            lambda q, t, w: F.normalize(w * q + F.normalize(t, dim=0), dim=0),
            "the weight stands before the query: it belongs to the taste",
        ),
        Mutant(
            lambda q, t, w: F.normalize(q + w * (q @ F.normalize(t, dim=0)) * F.normalize(t, dim=0), dim=0),
            "what the query already has of the taste was made larger: add the direction itself, whatever the query is",
        ),
    ),
)


def remove(taste: torch.Tensor, features: torch.Tensor, labels: list[str]) -> torch.Tensor:
    """Return the taste (E,) with nothing left of the directions in which groups of images differ.

    taste is (E,), the weights of a head. features is (N, E), and labels names the group of each. With M groups there
    are M mean vectors, and their differences span M − 1 directions. What the taste has of ANY of these is taken away:
    after that all groups have the same mean score. The rest of the taste stays as it is, and is not brought to unit
    length.
    """
    names = sorted(set(labels))
    means = torch.stack([features[torch.tensor([own == name for own in labels])].mean(dim=0) for name in names])
    differences = means - means.mean(dim=0)  # (M, E), of rank M − 1
    basis = torch.linalg.svd(differences, full_matrices=False).Vh[: len(names) - 1]  # (M − 1, E), orthonormal
    return taste - basis.T @ (basis @ taste)


def _grouped(M: int, E: int, seed: int) -> tuple[Tensor, Tensor, list[str]]:
    random = torch.Generator().manual_seed(seed)
    labels = [f"group {n % M}" for n in range(6 * M + 1)]
    places = torch.randn(M, E, generator=random, dtype=torch.float64)
    places[1:] += places[0]  # directions that are far from right angles to each other
    noise = torch.randn(len(labels), E, generator=random, dtype=torch.float64)
    features = 2 + torch.stack([places[n % M] for n in range(len(labels))]) + 0.3 * noise
    return torch.randn(E, generator=random, dtype=torch.float64), features, labels


def _spread(taste: Tensor, features: Tensor, labels: list[str]) -> float:
    scores = features @ taste
    means = [scores[torch.tensor([own == name for own in labels])].mean() for name in sorted(set(labels))]
    return float(torch.stack(means).max() - torch.stack(means).min())


def _check_remove(remove_: Attempt) -> str:
    for seed, (M, E) in enumerate(((2, 5), (3, 7), (5, 12))):
        case = _grouped(M, E, seed)
        answer, right = remove_(*case), remove(*case)
        demand(
            isinstance(answer, Tensor) and answer.shape == right.shape,
            f"the result is {describe(answer)}",
            f"a tensor {tuple(right.shape)}",
        )
        left = _spread(answer, *case[1:])
        demand(
            left < 1e-4,
            f"the mean scores of {M} groups still lie {left:.3f} apart",
            "the same mean score for all groups",
        )
        demand(
            same(answer, right),
            f"a taste of length {answer.norm():.3f}, with M = {M} and E = {E}",
            f"length {right.norm():.3f}: only the M − 1 directions of the differences are taken away",
        )
    return "two, three and five groups: all means are equal, and nothing else was taken"


def _basis(vectors: Tensor, rank: int) -> Tensor:
    return torch.linalg.svd(vectors, full_matrices=False).Vh[:rank]


def _group_means(features: Tensor, labels: list[str]) -> Tensor:
    names = sorted(set(labels))
    return torch.stack([features[torch.tensor([own == name for own in labels])].mean(dim=0) for name in names])


def _differences(features: Tensor, labels: list[str]) -> Tensor:
    means = _group_means(features, labels)
    return means - means.mean(dim=0)


def _one_after_the_other(taste: Tensor, features: Tensor, labels: list[str]) -> Tensor:
    left = taste
    for difference in _differences(features, labels):
        direction = F.normalize(difference, dim=0)
        left = left - (left @ direction) * direction
    return left


def _all_from_the_first(taste: Tensor, features: Tensor, labels: list[str]) -> Tensor:
    directions = F.normalize(_differences(features, labels), dim=1)
    return taste - directions.T @ (directions @ taste)


def _with_basis(basis):  # type: ignore[no-untyped-def]
    def answer(taste, features, labels):  # type: ignore[no-untyped-def]
        Q = basis(features, labels)
        return taste - Q.T @ (Q @ taste)

    return answer


REMOVE = Exercise(
    id="20.6",
    title="A taste without the background",
    difficulty=3,
    minutes=15,
    kind="further",
    reference=remove,
    check=_check_remove,
    hints=(
        "For two groups there is one direction, the difference of the two means, at unit length: u. What is left of a "
        "taste w is w − (w·u) u.",
        "With more groups the differences are not at right angles, and what is taken away along one comes back along "
        "the next. They need an orthonormal basis first.",
        "`torch.linalg.svd(differences, full_matrices=False).Vh[: M - 1]` is such a basis of the differences from "
        "their mean: with Q for it, w − Qᵀ Q w. `torch.linalg.qr` of the transpose gives one, too.",
    ),
    mutants=(
        Mutant(
            _one_after_the_other,
            "one direction after the other: they are not at right angles, so what the second takes away brings back a "
            "part of the first. Take an orthonormal basis of all",
        ),
        Mutant(
            _all_from_the_first,
            "these directions are not at right angles to each other, so w − Σ (w·u) u takes some of it away twice. "
            "Take an orthonormal basis of all",
        ),
        Mutant(
            _with_basis(lambda f, g: _basis(_group_means(f, g), len(set(g)))),
            "the means themselves, and not their differences: that takes away what all images have in common, too",
        ),
        Mutant(
            _with_basis(lambda f, g: _basis(_differences(f, g), 1)),
            "one direction alone, the widest: with M groups there are M − 1",
        ),
        Mutant(
            lambda t, f, g: t - remove(t, f, g),
            "what was to be taken away has been kept, and the rest thrown away",
        ),
        Mutant(
            lambda t, f, g: F.normalize(remove(t, f, g), dim=0),
            "the rest was brought to unit length: leave it as long as it is, or scores change their scale",
        ),
        Mutant(
            _with_basis(lambda f, g: _basis(f - f.mean(dim=0), len(set(g)) - 1)),
            "the widest directions of all images, and not of the groups' means: the labels were not used",
        ),
    ),
)
