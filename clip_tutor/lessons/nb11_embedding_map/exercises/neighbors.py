"""Exercises 11.3 and 11.4: what a map keeps of the neighbors in space, and who is everybody's neighbor."""

import torch
import torch.nn.functional as F

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same
from clip_tutor.lessons.nb11_embedding_map.exercises.gap import two_cones

# ---------------------------------------------------------------------------------------------------------------- 11.3


def kept_neighbors(features: torch.Tensor, places: torch.Tensor, k: int) -> float:
    """Return which share of the k nearest neighbors in space are among the k nearest on the map, from 0 to 1.

    features is (N, E), of unit length: in space, near means a large cosine.
    places is (N, 2): on the map, near means a small distance.
    A vector is no neighbor of its own. The order among the k does not matter.
    """
    itself = torch.eye(len(features), dtype=torch.bool)
    cosines = (features @ features.T).masked_fill(itself, -torch.inf)  # (N, N)
    distances = torch.cdist(places, places).masked_fill(itself, torch.inf)  # (N, N)
    in_space = cosines.topk(k, dim=1).indices  # (N, k)
    on_map = distances.topk(k, dim=1, largest=False).indices  # (N, k)
    kept = in_space[:, :, None] == on_map[:, None, :]  # (N, k, k)
    return kept.any(dim=2).float().mean().item()


def _map_of(seed: int, N: int) -> tuple[torch.Tensor, torch.Tensor]:
    features, _ = two_cones(seed, N, 2)
    generator = torch.Generator().manual_seed(seed)
    # Far from the origin, so that a small distance is not a large dot product.
    return features, features[:, :2] + 0.3 * torch.randn(N, 2, generator=generator) + torch.tensor([4.0, -3.0])


def _check_kept(answer: Attempt) -> str:
    for seed, N, k in ((0, 12, 3), (1, 20, 5), (2, 9, 1), (3, 6, 4)):
        features, places = _map_of(seed, N)
        found, right = answer(features, places, k), kept_neighbors(features, places, k)
        demand(isinstance(found, float), f"{describe(found)}, a {type(found).__name__}", "a share, as a float")
        demand(same(found, right), f"a share of {found:.4f} for N = {N} and k = {k}", f"{right:.4f}")
    angles = torch.arange(8.0) / 5
    arc, line = torch.stack([angles.cos(), angles.sin()], dim=1), torch.stack([angles + 9, angles * 0], dim=1)
    found = answer(arc, line, 2)
    demand(same(found, kept_neighbors(arc, line, 2)), f"{found:.4f} for an arc laid out as a line", "1")
    return "cosines in space, distances on the map, nobody its own neighbor, in any order"


def _sets(nearness, distance, k):  # type: ignore[no-untyped-def]
    first, second = nearness.topk(k, dim=1).indices, distance.topk(k, dim=1, largest=False).indices
    return (first[:, :, None] == second[:, None, :]).any(dim=2).float()


def _tables(features, places):  # type: ignore[no-untyped-def]
    itself = torch.eye(len(features), dtype=torch.bool)
    distances = torch.cdist(places, places)
    return (features @ features.T).masked_fill(itself, -torch.inf), distances.masked_fill(itself, torch.inf)


def _with_itself(features, places, k):  # type: ignore[no-untyped-def]
    return _sets(features @ features.T, torch.cdist(places, places), k).mean().item()


def _cosine_on_map(features, places, k):  # type: ignore[no-untyped-def]
    itself = torch.eye(len(features), dtype=torch.bool)
    cosines, _ = _tables(features, places)
    flat = F.normalize(places, dim=-1)
    return _sets(cosines, -(flat @ flat.T).masked_fill(itself, -torch.inf), k).mean().item()


def _farthest(features, places, k):  # type: ignore[no-untyped-def]
    itself = torch.eye(len(features), dtype=torch.bool)
    cosines, _ = _tables(features, places)
    return _sets(cosines, -torch.cdist(places, places).masked_fill(itself, -torch.inf), k).mean().item()


def _in_order(features, places, k):  # type: ignore[no-untyped-def]
    cosines, distances = _tables(features, places)
    first, second = cosines.topk(k, dim=1).indices, distances.topk(k, dim=1, largest=False).indices
    return (first == second).float().mean().item()


def _any_of_them(features, places, k):  # type: ignore[no-untyped-def]
    cosines, distances = _tables(features, places)
    return _sets(cosines, distances, k).any(dim=1).float().mean().item()


def _only_the_nearest(features, places, k):  # type: ignore[no-untyped-def]
    cosines, distances = _tables(features, places)
    return _sets(cosines, distances, k)[:, 0].mean().item()


KEPT = Exercise(
    id="11.3",
    title="What a map keeps",
    difficulty=2,
    minutes=12,
    reference=kept_neighbors,
    check=_check_kept,
    hints=(
        "Two tables (N, N): cosines in space, distances on the map (`torch.cdist`). In which of them is near large?",
        "Who is nearest to everybody? Put −inf or inf on the diagonal: `.masked_fill(torch.eye(N, dtype=bool), …)`.",
        "`topk(k, dim=1, largest=False)` finds the smallest. To compare two lists of k in any order, hold each member "
        "of one against each of the other: (N, k, 1) == (N, 1, k), then `.any`.",
    ),
    mutants=(
        Mutant(_with_itself, "everybody was their own nearest neighbor, in space and on the map: one of k for nothing"),
        Mutant(_cosine_on_map, "on the map near means a small distance; a cosine sees only the angle from the origin"),
        Mutant(_farthest, "those are the FARTHEST on the map: distances want largest=False"),
        Mutant(_in_order, "the first was compared with the first, the second with the second: any order will do"),
        Mutant(_any_of_them, "a point was counted as soon as one of its k was kept; the share counts all k"),
        Mutant(_only_the_nearest, "only the nearest one in space was looked for; all k of them count"),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 11.4


def count_hubs(similarity: torch.Tensor, k: int) -> tuple[torch.Tensor, float]:
    """Return how often each candidate is among the k most similar of a query, and how skewed these counts are.

    similarity is (N, M): a row for each of N queries, a column for each of M candidates.
    The first result is (M,) of whole numbers that sum to N · k: the k-occurrences.
    The second is their skewness, a float: the mean of z³, where z is (count − mean) / standard deviation, and both
    mean and standard deviation divide by M. It is 0 if all counts are equal.
    """
    M = similarity.shape[1]
    counts = similarity.topk(k, dim=1).indices.flatten().bincount(minlength=M)  # (M,)
    centered = counts.double() - counts.double().mean()
    deviation = centered.square().mean().sqrt()
    return counts, ((centered / deviation) ** 3).mean().item() if deviation > 0 else 0.0


def _check_hubs(answer: Attempt) -> str:
    for seed, N, M, k in ((0, 12, 7, 2), (1, 9, 15, 3), (2, 10, 10, 1)):
        texts, images = two_cones(seed, N, M)
        similarity = texts @ images.T
        found, right = answer(similarity, k), count_hubs(similarity, k)
        demand(
            isinstance(found, tuple) and len(found) == 2 and isinstance(found[0], torch.Tensor),
            describe(found),
            "two results: a tensor of counts and a float",
        )
        demand(
            found[0].shape == (M,),
            f"counts of shape {tuple(found[0].shape)} for {N} queries and {M} candidates",
            f"({M},): one for each candidate",
        )
        demand(
            torch.equal(found[0].long(), right[0]),
            f"counts {found[0].tolist()}, which sum to {found[0].sum().item():g}",
            f"{right[0].tolist()}, which sum to N · k = {N * k}",
        )
        demand(
            isinstance(found[1], float) and same(found[1], right[1]),
            f"a skewness of {describe(found[1])} for the counts {right[0].tolist()}",
            f"{right[1]:.4f}, as a float",
        )
    found = answer(torch.eye(5), 1)
    demand(same(float(found[1]), 0.0), f"a skewness of {found[1]} where everybody is chosen once", "0")
    return "the k-occurrences of each candidate, of those without any as well, and their skewness"


def _counts(similarity, k):  # type: ignore[no-untyped-def]
    return similarity.topk(k, dim=1).indices.flatten().bincount(minlength=similarity.shape[1])


def _skewed(counts, power=3, unbiased=False):  # type: ignore[no-untyped-def]
    centered = counts.double() - counts.double().mean()
    deviation = centered.square().sum().div(len(counts) - unbiased).sqrt()
    return ((centered / deviation) ** power).mean().item() if deviation > 0 else 0.0


def _by_query(similarity, k):  # type: ignore[no-untyped-def]
    counts = similarity.topk(k, dim=0).indices.flatten().bincount(minlength=len(similarity))
    return counts, _skewed(counts)


def _least_similar(similarity, k):  # type: ignore[no-untyped-def]
    counts = _counts(-similarity, k)
    return counts, _skewed(counts)


def _first_only(similarity, k):  # type: ignore[no-untyped-def]
    counts = _counts(similarity, 1)
    return counts, _skewed(counts)


def _without_the_lonely(similarity, k):  # type: ignore[no-untyped-def]
    counts = _counts(similarity, k)
    counts = counts[counts > 0]
    return counts, _skewed(counts)


def _divided_by_one_less(similarity, k):  # type: ignore[no-untyped-def]
    counts = _counts(similarity, k)
    return counts, _skewed(counts, unbiased=True)


def _fourth_power(similarity, k):  # type: ignore[no-untyped-def]
    counts = _counts(similarity, k)
    return counts, _skewed(counts, power=4)


def _not_divided(similarity, k):  # type: ignore[no-untyped-def]
    counts = _counts(similarity, k)
    return counts, ((counts.double() - counts.double().mean()) ** 3).mean().item()


def _not_a_number(similarity, k):  # type: ignore[no-untyped-def]
    counts = _counts(similarity, k)
    centered = counts.double() - counts.double().mean()
    return counts, ((centered / centered.square().mean().sqrt()) ** 3).mean().item()


HUBS = Exercise(
    id="11.4",
    title="Hubs, counted",
    difficulty=2,
    minutes=10,
    reference=count_hubs,
    check=_check_hubs,
    hints=(
        "First the neighbors: for each row, which k columns? Then count how often each column's number comes.",
        "`bincount(minlength=M)` counts whole numbers in a flat tensor, and gives a 0 to those that never come.",
        "For the skewness go over to `.double()`, subtract the mean, divide by the root of the mean square, take the "
        "third power, then the mean. What if the root is 0?",
    ),
    mutants=(
        Mutant(_by_query, "the k best were taken down the columns: then queries are counted, not candidates"),
        Mutant(_least_similar, "the k LEAST similar were counted"),
        Mutant(_first_only, "only the nearest was counted, and k of them count"),
        Mutant(_without_the_lonely, "a candidate that nobody chose has a count, too: 0"),
        Mutant(_divided_by_one_less, "the standard deviation divided by M − 1, as `.std()` does unless it is told"),
        Mutant(_fourth_power, "the fourth power tells how heavy both tails are; skewness is the third"),
        Mutant(_not_divided, "the third power was not divided by the standard deviation: it grows with the counts"),
        Mutant(_not_a_number, "where all counts are equal, 0 was divided by 0"),
    ),
)
