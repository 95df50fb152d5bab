"""Exercise 11.2: alignment and uniformity."""

import torch

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same
from clip_tutor.lessons.nb11_embedding_map.exercises.gap import two_cones


def alignment_uniformity(image_features: torch.Tensor, text_features: torch.Tensor) -> tuple[float, float, float]:
    """Return the alignment of N pairs, the uniformity of the images, and that of the captions.

    Both are (N, E), of unit length; row i of one and row i of the other are a pair.
    Alignment is the mean of the squared distances between an image and its own caption.
    Uniformity is the logarithm of the mean of exp(−2 · squared distance), over all pairs of two DIFFERENT vectors
    of one modality. All three are floats.
    """

    def uniformity(features: torch.Tensor) -> float:
        distances = torch.pdist(features)  # of each two, once: N (N − 1) / 2
        return (-2 * distances.square()).exp().mean().log().item()

    alignment = (image_features - text_features).square().sum(dim=-1).mean().item()
    return alignment, uniformity(image_features), uniformity(text_features)


NAMES = ("alignment", "uniformity of the images", "uniformity of the captions")


def _check(answer: Attempt) -> str:
    for seed, pairs in ((0, 6), (1, 9), (2, 2)):
        image_features, text_features = two_cones(seed, pairs, pairs)
        found, right = answer(image_features, text_features), alignment_uniformity(image_features, text_features)
        demand(
            isinstance(found, tuple) and len(found) == 3 and all(isinstance(one, float) for one in found),
            describe(found),
            "three floats: alignment, uniformity of the images, uniformity of the captions",
        )
        for name, one, other in zip(NAMES, found, right, strict=True):
            demand(
                same(one, other), f"{pairs} pairs with an {name} of {one:.4f}".replace("an u", "a u"), f"{other:.4f}"
            )
    corners = torch.eye(5)
    found = answer(corners, corners)
    demand(
        same(found, (0.0, -4.0, -4.0)),
        f"{tuple(round(one, 3) for one in found)} for five vectors at right angles that are their own captions",
        "(0, -4, -4): no distance in a pair, a squared distance of 2 between all others",
    )
    return "squared distances, each two vectors once and none with itself"


def _with(make):  # type: ignore[no-untyped-def]
    def mutant(image_features, text_features):  # type: ignore[no-untyped-def]
        alignment = (image_features - text_features).square().sum(dim=-1).mean().item()
        return alignment, make(image_features), make(text_features)

    return mutant


def _itself(features):  # type: ignore[no-untyped-def]
    return (-2 * torch.cdist(features, features).square()).exp().mean().log().item()


def _mean_of_logarithms(features):  # type: ignore[no-untyped-def]
    return (-2 * torch.pdist(features).square()).mean().item()


def _not_squared(features):  # type: ignore[no-untyped-def]
    return (-2 * torch.pdist(features)).exp().mean().log().item()


def _without_two(features):  # type: ignore[no-untyped-def]
    return (-torch.pdist(features).square()).exp().mean().log().item()


def _without_logarithm(features):  # type: ignore[no-untyped-def]
    return (-2 * torch.pdist(features).square()).exp().mean().item()


def _cosines(features):  # type: ignore[no-untyped-def]
    M = len(features)
    cosines = (features @ features.T)[~torch.eye(M, dtype=torch.bool)]
    return (-2 * cosines).exp().mean().log().item()


def _distance_in_pairs(image_features, text_features):  # type: ignore[no-untyped-def]
    _, images, texts = alignment_uniformity(image_features, text_features)
    return (image_features - text_features).norm(dim=-1).mean().item(), images, texts


def _mean_of_coordinates(image_features, text_features):  # type: ignore[no-untyped-def]
    _, images, texts = alignment_uniformity(image_features, text_features)
    return (image_features - text_features).square().mean().item(), images, texts


def _all_pairs(image_features, text_features):  # type: ignore[no-untyped-def]
    _, images, texts = alignment_uniformity(image_features, text_features)
    return torch.cdist(image_features, text_features).square().mean().item(), images, texts


SPREAD = Exercise(
    id="11.2",
    title="Alignment and uniformity",
    difficulty=2,
    minutes=12,
    reference=alignment_uniformity,
    check=_check,
    hints=(
        "Write uniformity as a helper that takes the vectors of one modality, and call it twice.",
        "`torch.pdist(features)` gives the distance of each two rows once, and of none with itself. What still has to "
        "happen before `exp`?",
        "From the inside out: distance, square, times −2, `exp`, mean, `log`. For alignment, the squares are summed "
        "over the E coordinates, and the mean runs over the pairs.",
    ),
    mutants=(
        Mutant(_with(_itself), "each vector was compared with itself, too: N distances of 0 that say nothing"),
        Mutant(
            _with(_mean_of_logarithms),
            "not the mean of logarithms but the logarithm of the mean: near ones count most in it",
        ),
        Mutant(_with(_not_squared), "the distance stands squared in the exponent"),
        Mutant(_with(_without_two), "the factor 2 in the exponent is missing"),
        Mutant(_with(_without_logarithm), "the logarithm of the mean is missing"),
        Mutant(_with(_cosines), "a cosine is no squared distance: of unit vectors that is 2 − 2 · cosine"),
        Mutant(_distance_in_pairs, "alignment is the mean of the squared distances, not of the distances"),
        Mutant(_mean_of_coordinates, "the mean ran over the coordinates as well; those are summed"),
        Mutant(_all_pairs, "every image was compared with every caption; alignment looks at its own one only"),
    ),
)
