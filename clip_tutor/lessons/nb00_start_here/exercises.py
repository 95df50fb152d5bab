"""Exercises of notebook 00, the tour: two uses of one space, naming images and finding them."""

import torch
import torch.nn.functional as F

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe

# ---------------------------------------------------------------------------------------------------------------- 00.1


def classify(image_features: torch.Tensor, class_features: torch.Tensor) -> torch.Tensor:
    """Return for each of B images the index (0 to M - 1) of the class whose direction is closest.

    image_features is (B, E) and class_features (M, E); their rows may have any length, and only directions count.
    """
    image_features = F.normalize(image_features, dim=-1)  # (B, E)
    class_features = F.normalize(class_features, dim=-1)  # (M, E)
    return (image_features @ class_features.T).argmax(dim=-1)  # (B,)


def _vectors(count: int, seed: int) -> torch.Tensor:
    """Return (count, 6) vectors of very different lengths."""
    random = torch.Generator().manual_seed(seed)
    lengths = torch.rand(count, 1, generator=random) * 9 + 0.5
    return F.normalize(torch.randn(count, 6, generator=random), dim=-1) * lengths


def _demand_indices(result: object, shape: tuple[int, ...]) -> None:
    demand(
        isinstance(result, torch.Tensor) and tuple(result.shape) == shape,
        f"the result is {describe(result)}",
        f"a tensor {shape} of indices",
    )
    whole = isinstance(result, torch.Tensor) and not result.is_floating_point()
    demand(whole, "the result holds fractions", "whole numbers: places, not similarities")


def _check_classify(classify_: Attempt) -> str:
    images, classes = _vectors(20, seed=0), _vectors(4, seed=1)
    right = classify(images, classes)
    found = classify_(images, classes)
    _demand_indices(found, (20,))
    stretched = classify_(images, classes * torch.tensor([[1.0], [9.0], [0.2], [3.0]]))
    demand(
        torch.equal(found, stretched),
        f"{(found != stretched).sum()} of 20 images change their class when the class vectors are stretched",
        "none: a class is a direction, its vector's length says nothing about the image",
    )
    demand(
        torch.equal(found, right),
        f"classes {found.tolist()}",
        f"{right.tolist()}",
        "the closest direction has the highest cosine",
    )
    for seed in (2, 3):
        images, classes = _vectors(9, seed), _vectors(5, seed + 10)
        found, right = classify_(images, classes), classify(images, classes)
        demand(torch.equal(found, right), f"classes {found.tolist()}", f"{right.tolist()}")
    return "one class for each image, whatever the vectors' lengths, equal to the library's on 3 sets"


CLASSIFY = Exercise(
    id="00.1",
    title="Name an image",
    difficulty=1,
    minutes=5,
    reference=classify,
    check=_check_classify,
    hints=(
        "The closest direction is the one with the highest cosine. What must be done to two vectors for their dot "
        "product to be the cosine?",
        "Bring all rows to length 1, make the table of all dot products (B, M), and take the best column of each row.",
        "`F.normalize(x, dim=-1)` for both, then `@`, then `.argmax(dim=-1)`.",
    ),
    mutants=(
        Mutant(
            lambda i, c: (i @ c.T).argmax(dim=-1),
            "the class vectors kept their lengths, so the longest one wins too often: divide each row by its length",
        ),
        Mutant(
            lambda i, c: (F.normalize(i, dim=0) @ F.normalize(c, dim=0).T).argmax(dim=-1),
            "normalized along dim=0, over the images: a vector's numbers lie along the last dimension, dim=-1",
        ),
        Mutant(
            lambda i, c: (F.normalize(i, dim=-1) @ F.normalize(c, dim=-1).T).argmax(dim=0),
            "argmax along dim=0 finds the best image for each class; an image's classes lie along dim=-1",
        ),
        Mutant(lambda i, c: classify(-i, c), "argmin, or a sign turned: similarity grows as directions come closer"),
        Mutant(
            lambda i, c: torch.cdist(i, c).argmin(dim=-1),
            "the closest point, not the closest direction: distance depends on the vectors' lengths",
        ),
        Mutant(
            lambda i, c: (F.normalize(i, dim=-1) @ F.normalize(c, dim=-1).T).amax(dim=-1),
            "that is how similar the best class is: which one it is, argmax says",
        ),
        Mutant(
            lambda i, c: (F.normalize(i, dim=-1) @ F.normalize(c, dim=-1).T).softmax(dim=-1),
            "those are the probabilities of all classes: take the place of the largest in each row",
        ),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 00.2


def search(query: torch.Tensor, index: torch.Tensor, k: int) -> torch.Tensor:
    """Return the places (k,) of the k images that fit a query best, the best first.

    query is (E,) and index (N, E), one row an image; all are of unit length.
    """
    return (index @ query).topk(k).indices


def _check_search(search_: Attempt) -> str:
    index, query = F.normalize(_vectors(30, seed=4), dim=-1), F.normalize(_vectors(1, seed=5), dim=-1)[0]
    right = search(query, index, 5)
    found = search_(query, index, 5)
    _demand_indices(found, (5,))
    itself = search_(index[7], index, 3)
    demand(
        itself[0] == 7,
        f"a search for image 7's own vector gives image {itself[0]} first",
        "image 7: nothing is closer to a vector than the vector itself",
    )
    demand(torch.equal(found, right), f"images {found.tolist()}", f"{right.tolist()}")
    for k in (1, 8):
        query = F.normalize(_vectors(1, seed=20 + k), dim=-1)[0]
        found, right = search_(query, index, k), search(query, index, k)
        demand(torch.equal(found, right), f"images {found.tolist()} with k = {k}", f"{right.tolist()}")
    return "k places, the best first, an image finds itself, equal to the library's for 3 queries"


SEARCH = Exercise(
    id="00.2",
    title="Find an image",
    difficulty=1,
    minutes=5,
    reference=search,
    check=_check_search,
    hints=(
        "All vectors have unit length: what does a dot product say then?",
        "One matrix product compares the query with all N images; then find the k largest of N numbers.",
        "`index @ query` is (N,), and `.topk(k)` has `.values` and `.indices`.",
    ),
    mutants=(
        Mutant(
            lambda q, x, k: (x @ q).topk(k, largest=False).indices,
            "the k worst: similarity is high where things fit, so sort from high to low",
        ),
        Mutant(lambda q, x, k: (x @ q).topk(k).indices.flip(0), "the best come last: argsort goes from low to high"),
        Mutant(
            lambda q, x, k: (x @ q).topk(k).indices.sort().values,
            "the right images, but ordered by their place in the index: order them by similarity",
        ),
        Mutant(
            lambda q, x, k: (x @ q).topk(k).values,
            "those are the similarities: a search returns the places, `.indices`",
        ),
        Mutant(
            lambda q, x, k: (x @ q).topk(k + 1).indices[1:],
            "the best one was left out: that is right only where an image must not find itself",
        ),
        Mutant(lambda q, x, k: (x @ q).argsort(descending=True), "all images, in the right order: cut after k"),
    ),
)

EXERCISES = (CLASSIFY, SEARCH)
