"""Exercise 11.1: the gap between two modalities, and how it is closed."""

import torch
import torch.nn.functional as F

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same


def close_gap(image_features: torch.Tensor, text_features: torch.Tensor, amount: float) -> tuple[float, torch.Tensor]:
    """Return the length of the gap, and the captions' vectors moved along it.

    image_features is (M, E), text_features is (N, E), all of unit length; M and N may differ.
    The gap is a vector from the captions' mean to the images' mean. Its length is the first result.
    Each caption moves by ``amount`` times that vector: 1 goes all the way, 0 leaves it where it is.
    The second result is (N, E), of unit length again, so that a dot product is a cosine.
    """
    gap = image_features.mean(dim=0) - text_features.mean(dim=0)  # (E,)
    return gap.norm().item(), F.normalize(text_features + amount * gap, dim=-1)


def two_cones(seed: int, images: int, texts: int, E: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    """Return unit vectors around two different directions, as many as asked for of each."""
    generator = torch.Generator().manual_seed(seed)
    centers = torch.randn(2, E, generator=generator)
    first = centers[0] + 0.8 * torch.randn(images, E, generator=generator)
    second = 0.6 * centers[1] + 0.8 * torch.randn(texts, E, generator=generator)
    return F.normalize(first, dim=-1), F.normalize(second, dim=-1)


def _check(answer: Attempt) -> str:
    for seed, images, texts, amount in ((0, 8, 8, 1.0), (1, 7, 5, 0.5), (2, 4, 6, -0.7), (3, 5, 5, 0.0)):
        image_features, text_features = two_cones(seed, images, texts)
        found = answer(image_features, text_features, amount)
        length, moved = close_gap(image_features, text_features, amount)
        told = f"{images} images, {texts} captions and an amount of {amount}"
        demand(
            isinstance(found, tuple) and len(found) == 2,
            describe(found),
            "two results: the length of the gap, and the moved captions",
        )
        demand(
            isinstance(found[0], float) and same(found[0], length),
            f"a gap of {describe(found[0])} for {told}",
            f"{length:.4f}, the distance between the two means, as a float",
        )
        demand(
            isinstance(found[1], torch.Tensor) and found[1].shape == moved.shape,
            f"{describe(found[1])} for {told}",
            f"a tensor {tuple(moved.shape)}: a vector for each caption",
        )
        lengths = found[1].norm(dim=-1)
        demand(
            same(lengths, torch.ones_like(lengths)),
            f"moved captions of lengths {[round(one, 3) for one in lengths[:3].tolist()]} …",
            "unit length",
        )
        demand(
            same(found[1], moved),
            f"for {told}, a first caption at {[round(one, 3) for one in found[1][0].tolist()]}",
            f"{[round(one, 3) for one in moved[0].tolist()]}",
        )
    return "the distance between the means, and captions moved all the way, half-way, backwards and not at all"


def _gap(image_features, text_features):  # type: ignore[no-untyped-def]
    return image_features.mean(dim=0) - text_features.mean(dim=0)


def _any_length(image_features, text_features, amount):  # type: ignore[no-untyped-def]
    gap = _gap(image_features, text_features)
    return gap.norm().item(), text_features + amount * gap


def _away(image_features, text_features, amount):  # type: ignore[no-untyped-def]
    gap = _gap(image_features, text_features)
    return gap.norm().item(), F.normalize(text_features - amount * gap, dim=-1)


def _unit_steps(image_features, text_features, amount):  # type: ignore[no-untyped-def]
    gap = _gap(image_features, text_features)
    return gap.norm().item(), F.normalize(text_features + amount * F.normalize(gap, dim=0), dim=-1)


def _mean_of_distances(image_features, text_features, amount):  # type: ignore[no-untyped-def]
    gap = _gap(image_features, text_features)
    distance = (image_features - text_features).norm(dim=-1).mean().item()
    return distance, F.normalize(text_features + amount * gap, dim=-1)


def _between_directions(image_features, text_features, amount):  # type: ignore[no-untyped-def]
    first, second = F.normalize(image_features.mean(dim=0), dim=0), F.normalize(text_features.mean(dim=0), dim=0)
    return (first - second).norm().item(), F.normalize(text_features + amount * (first - second), dim=-1)


def _images_moved(image_features, text_features, amount):  # type: ignore[no-untyped-def]
    gap = _gap(image_features, text_features)
    return gap.norm().item(), F.normalize(image_features - amount * gap, dim=-1)


def _squared(image_features, text_features, amount):  # type: ignore[no-untyped-def]
    gap = _gap(image_features, text_features)
    return gap.square().sum().item(), F.normalize(text_features + amount * gap, dim=-1)


GAP = Exercise(
    id="11.1",
    title="The gap, and its removal",
    difficulty=1,
    minutes=8,
    reference=close_gap,
    check=_check,
    hints=(
        "Two means first, each over the vectors of one modality. Which of the two does the gap end at?",
        "The length is that of the difference of the means, `gap.norm()`; a float comes of it by `.item()`.",
        "All captions move by the same vector. Where they arrive they no longer have unit length: `F.normalize`.",
    ),
    mutants=(
        Mutant(_any_length, "a moved vector is no longer of unit length, and its dot products are no cosines"),
        Mutant(_away, "the captions moved away from the images: the gap goes from their mean to the images' mean"),
        Mutant(_unit_steps, "the gap was brought to unit length before the step: an amount of 1 then overshoots"),
        Mutant(
            _mean_of_distances,
            "that is the mean distance between an image and its caption; the gap is the distance between two means",
        ),
        Mutant(
            _between_directions,
            "the two means were brought to unit length: a mean is shorter the wider its cone, and that belongs to it",
        ),
        Mutant(_images_moved, "the images moved; here the captions do"),
        Mutant(_squared, "the length was not taken the root of: `.norm()` is the root of the sum of squares"),
    ),
)
