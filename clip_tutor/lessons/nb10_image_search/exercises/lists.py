"""Exercises 10.2 and 10.3: k-means on unit vectors, and inverted lists that are right for dot products."""

from typing import Any

import torch
import torch.nn.functional as F

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same
from clip_tutor.lessons.nb10_image_search.exercises.exact import check_pair

# ---------------------------------------------------------------------------------------------------------------- 10.2


def unit_kmeans(vectors: torch.Tensor, centers: torch.Tensor, rounds: int) -> torch.Tensor:
    """Return (M, E) centers of unit length, after some rounds of k-means.

    vectors is (N, E), of unit length; centers is (M, E), those to begin with, of unit length, too.
    In each round every vector joins the center with the largest dot product, and each center becomes the direction of
    the sum of its vectors. A center that no vector joins stays where it is.
    """
    for _ in range(rounds):
        nearest = (vectors @ centers.T).argmax(dim=1)  # (N,)
        sums = torch.zeros_like(centers).index_add(0, nearest, vectors)  # (M, E)
        alone = torch.bincount(nearest, minlength=len(centers)) == 0  # (M,)
        centers = torch.where(alone[:, None], centers, F.normalize(sums, dim=1))
    return centers


def _unit(count: int, seed: int, E: int = 4) -> torch.Tensor:
    return F.normalize(torch.randn(count, E, generator=torch.Generator().manual_seed(seed)), dim=-1)


def _check_kmeans(answer: Attempt) -> str:
    vectors, lonely = _unit(30, 0), F.normalize(torch.tensor([[-9.0, 1, 1, 1], [1, 1, 1, 1]]), dim=-1)
    crowd = F.normalize(_unit(12, 1) + torch.tensor([3.0, 3, 3, 3]), dim=-1)
    cases: tuple[tuple[Any, ...], ...] = (
        (vectors, vectors[:3], 1, "after one round with 3 centers"),
        (vectors, vectors[:5], 4, "after 4 rounds with 5 centers"),
        (crowd, lonely, 2, "where no vector joins the first of 2 centers"),
        (vectors, vectors[:3], 0, "after no round"),
    )
    for *arguments, what in cases:
        found, right = answer(*arguments), unit_kmeans(*arguments)
        demand(
            isinstance(found, torch.Tensor) and found.shape == right.shape,
            f"{what}, {describe(found)}",
            f"a tensor {tuple(right.shape)} of centers",
        )
        demand(
            found.isfinite().all(), f"{what}, centers that are not numbers (NaN)", "numbers", "0 / 0: a mean of none?"
        )
        lengths = found.norm(dim=1)
        demand(
            same(lengths, torch.ones_like(lengths)),
            f"{what}, centers of length {[round(one, 3) for one in lengths.tolist()]}",
            "centers of length 1",
        )
        demand(
            same(found, right),
            f"{what}, a first center of {[round(one, 3) for one in found[0].tolist()]}",
            f"{[round(one, 3) for one in right[0].tolist()]}",
        )
    return "centers of unit length after 0, 1 and 4 rounds, and one that nobody joins stays where it is"


def _rounds_of(vectors, centers, rounds, unit=True, keep=True, normalize_last=False):  # type: ignore[no-untyped-def]
    for _ in range(rounds):
        nearest = (vectors @ centers.T).argmax(dim=1)
        counts = torch.bincount(nearest, minlength=len(centers))[:, None]
        means = torch.zeros_like(centers).index_add(0, nearest, vectors) / counts
        new = F.normalize(means, dim=1) if unit else means
        centers = torch.where((counts == 0) & keep, centers, new)
    return F.normalize(centers, dim=1) if normalize_last else centers


def _zeroed(vectors, centers, rounds):  # type: ignore[no-untyped-def]
    for _ in range(rounds):
        nearest = (vectors @ centers.T).argmax(dim=1)
        centers = F.normalize(torch.zeros_like(centers).index_add(0, nearest, vectors), dim=1)
    return centers


KMEANS = Exercise(
    id="10.2",
    title="k-means on unit vectors",
    difficulty=2,
    minutes=12,
    reference=unit_kmeans,
    check=_check_kmeans,
    hints=(
        "Two steps in each round: who joins whom, and where does each center go? The first is one matrix product.",
        "`torch.zeros_like(centers).index_add(0, nearest, vectors)` adds each vector to the row of its center. The "
        "direction of a sum is that of the mean: dividing by the number changes only the length.",
        "`torch.bincount(nearest, minlength=M) == 0` says who is alone, and `torch.where` chooses between the old "
        "center and the new one, row by row.",
    ),
    mutants=(
        Mutant(
            lambda v, c, rounds: _rounds_of(v, c, rounds, unit=False),
            "the mean of unit vectors is shorter than 1, the shorter the more they differ: give each center unit "
            "length, in every round",
        ),
        Mutant(
            lambda v, c, rounds: _rounds_of(v, c, rounds, unit=False, normalize_last=True),
            "the centers were normalized once, at the end: in the rounds before, those of scattered vectors were short "
            "and hardly ever the nearest",
        ),
        Mutant(
            lambda v, c, rounds: _rounds_of(v, c, rounds, keep=False),
            "the mean of no vectors at all is 0 / 0: keep a center that nobody joins",
        ),
        Mutant(_zeroed, "a center that nobody joins became a vector of zeros, and stays one: keep where it was"),
        Mutant(
            lambda v, c, rounds: _rounds_of(v, c, min(rounds, 1)),
            "only one round was made: the vectors join again once the centers have moved",
        ),
    ),
    kept=True,
)

# ---------------------------------------------------------------------------------------------------------------- 10.3


class InvertedLists:
    """N vectors in M lists. A query is compared with M centers, and then with what lies in a few lists only.

    Near means a large dot product, everywhere. Neither vectors nor centers nor queries need be of unit length.
    """

    def __init__(self, vectors: torch.Tensor, centers: torch.Tensor) -> None:
        """Put each of (N, E) vectors into the list of one of (M, E) centers."""
        self.vectors, self.centers = vectors, centers
        joined = (vectors @ self.centers.T).argmax(dim=1)  # (N,)
        self.lists = [(joined == m).nonzero()[:, 0] for m in range(len(centers))]

    def search(self, query: torch.Tensor, k: int, probes: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the k largest dot products with a query (E,), the best first, and the rows they belong to.

        Only the lists of the ``probes`` nearest centers are read. If they hold fewer than k rows, fewer come back.
        """
        probed = (self.centers @ query).argsort(descending=True)[:probes]
        rows = torch.cat([self.lists[m] for m in probed.tolist()])  # (R,)
        best = (self.vectors[rows] @ query).topk(min(k, len(rows)))
        return best.values, rows[best.indices]


def _lengths(low: float, high: float, count: int) -> torch.Tensor:
    return torch.linspace(low, high, count)[torch.randperm(count, generator=torch.Generator().manual_seed(9))][:, None]


def _check_lists(answer: Attempt) -> str:
    vectors = _unit(60, 10) * _lengths(0.4, 3, 60)  # as if somebody forgot to normalize them
    centers = _unit(8, 11) * _lengths(0.3, 2, 8)
    queries = _unit(4, 12)
    unit_case = (_unit(60, 13), _unit(6, 14), _unit(1, 15)[0], 5, 2, "for vectors of unit length and 2 probes")
    lengths = "for vectors and centers of several lengths"
    cases: list[tuple[Any, ...]] = [unit_case]
    cases += [(vectors, centers, query, 5, 2, f"{lengths}, and 2 probes") for query in queries]
    cases += [(vectors, centers, queries[0], 6, 8, f"{lengths}, and all 8 lists probed")]
    cases += [(vectors, centers, queries[1], 200, 3, f"{lengths}, k = 200 and 3 probes")]
    cases += [(vectors[:2], centers, queries[2], 3, 1, "with two vectors in eight lists, and 1 probe")]
    for *arguments, what in cases:
        lists = InvertedLists(*arguments[:2])
        check_pair(answer(*arguments), lists.search(*arguments[2:]), what)
    return "the best rows of the probed lists, in order, for vectors of any length; all lists give exact search"


class _ListsBy:
    """The same, with other notions of near. ``l2`` may hold "join" and "probe"."""

    def __init__(self, vectors, centers, l2=(), unit=False):  # type: ignore[no-untyped-def]
        self.vectors, self.l2 = vectors, l2
        self.centers = F.normalize(centers, dim=1) if unit else centers
        away = torch.cdist(vectors, self.centers) if "join" in l2 else -(vectors @ self.centers.T)
        nearest = away.argmin(dim=1)
        self.lists = [(nearest == m).nonzero()[:, 0] for m in range(len(centers))]

    def rows(self, query, probes):  # type: ignore[no-untyped-def]
        l2 = "probe" in self.l2
        away = torch.cdist(query[None], self.centers)[0] if l2 else -(self.centers @ query)
        return torch.cat([self.lists[m] for m in away.argsort()[:probes].tolist()])

    def search(self, query, k, probes):  # type: ignore[no-untyped-def]
        rows = self.rows(query, probes)
        best = (self.vectors[rows] @ query).topk(min(k, len(rows)))
        return best.values, rows[best.indices]


class _L2Everywhere(_ListsBy):
    def __init__(self, vectors, centers):  # type: ignore[no-untyped-def]
        super().__init__(vectors, centers, ("join", "probe"))

    def search(self, query, k, probes):  # type: ignore[no-untyped-def]
        rows = self.rows(query, probes)
        nearest = torch.cdist(query[None], self.vectors[rows])[0].topk(min(k, len(rows)), largest=False)
        return self.vectors[rows[nearest.indices]] @ query, rows[nearest.indices]


class _JoinedByL2(_ListsBy):
    def __init__(self, vectors, centers):  # type: ignore[no-untyped-def]
        super().__init__(vectors, centers, ("join",))


class _ProbedByL2(_ListsBy):
    def __init__(self, vectors, centers):  # type: ignore[no-untyped-def]
        super().__init__(vectors, centers, ("probe",))


class _ListsByL2(_ListsBy):
    def __init__(self, vectors, centers):  # type: ignore[no-untyped-def]
        super().__init__(vectors, centers, ("join", "probe"))


class _UnitCenters(_ListsBy):
    def __init__(self, vectors, centers):  # type: ignore[no-untyped-def]
        super().__init__(vectors, centers, unit=True)


class _PlacesInLists(_ListsBy):
    def search(self, query, k, probes):  # type: ignore[no-untyped-def]
        best = (self.vectors[self.rows(query, probes)] @ query).topk(min(k, len(self.rows(query, probes))))
        return best.values, best.indices


class _ReadsAll(_ListsBy):
    def search(self, query, k, probes):  # type: ignore[no-untyped-def]
        best = (self.vectors @ query).topk(min(k, len(self.vectors)))
        return best.values, best.indices


class _ListAfterList(_ListsBy):
    def search(self, query, k, probes):  # type: ignore[no-untyped-def]
        rows = self.rows(query, probes)[:k]
        return self.vectors[rows] @ query, rows


LISTS = Exercise(
    id="10.3",
    title="Inverted lists",
    difficulty=3,
    minutes=18,
    reference=InvertedLists,
    check=_check_lists,
    use=lambda lists, vectors, centers, query, k, probes: lists(vectors, centers).search(query, k, probes),
    hints=(
        "Once: which rows lie in which list? For each query: which lists, which rows lie in them, and which of those "
        "are best?",
        "If `joined` says of each vector which list it is in, `(joined == m).nonzero()[:, 0]` are the rows of list m. "
        "`torch.cat` joins the lists that are probed; an empty list may be among them.",
        "topk on the joined rows gives places among these: `rows[best.indices]` are places in the whole index.",
        "If rows are wrong where lengths differ: the nearest point (`torch.cdist`) and the largest dot product are two "
        "things. Which of the two is asked for, three times?",
    ),
    mutants=(
        Mutant(
            _L2Everywhere,
            "L2 all the way: the nearest POINTS were found. Where lengths differ, the largest dot product belongs to "
            "another row, often a long one further away",
        ),
        Mutant(
            _ListsByL2,
            "the lists were made and probed by L2: with centers of several lengths that is another order than the one "
            "of dot products",
        ),
        Mutant(_JoinedByL2, "the vectors joined the nearest point, and lists are probed by dot products: one measure"),
        Mutant(_ProbedByL2, "the vectors joined by dot product, and lists are probed by L2: one measure for both"),
        Mutant(
            _UnitCenters,
            "the centers were normalized: take them as they are given. The dot product with a mean is the mean of the "
            "dot products, and that is what one wants to know of a list",
        ),
        Mutant(_PlacesInLists, "these are places among the rows that were read: the caller wants rows of the index"),
        Mutant(_ReadsAll, "all vectors were compared: read the probed lists only, or nothing is gained"),
        Mutant(_ListAfterList, "the first k of the probed lists came back as they lay there: the best k, please"),
    ),
    kept=True,
)
