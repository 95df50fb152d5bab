"""Exercise 01.4: what a model would find that sees colors, and nothing else."""

import torch

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe


def color_recall(seen: torch.Tensor, told: torch.Tensor, k: int) -> float:
    """Return the expected share of captions that find their own image among their first k of N images.

    seen is (N,): the color of each image, a whole number from 0. told is (N,): the color that caption i names, -1 if it
    names none. A caption puts all images of its color before all others; one that names none calls all images alike.
    Among images that it calls alike, chance decides which comes first.
    """
    N = len(seen)
    first = (told[:, None] == seen) | (told[:, None] == -1)  # (N, N): images that caption i puts before all others
    count = first.sum(dim=1)  # (N,)
    in_first = (k / count).clamp(max=1)  # (N,): k places are dealt out to so many images, if the own is among them
    in_rest = ((k - count) / (N - count)).clamp(min=0, max=1)  # (N,): what is left of k, if it is not
    return torch.where(first.diagonal(), in_first, in_rest).mean().item()


def _check(recall: Attempt) -> str:
    seen, told = torch.tensor([0, 0, 1, 1, 1]), torch.tensor([0, 0, 1, 1, 1])
    cases = [
        (seen, told, 1, "two red and three blue images, each with its color named"),
        (seen, told, 2, "the same"),
        (seen, told, 5, "the same"),
        (torch.arange(4), torch.arange(4), 1, "four images of four colors"),
        (seen, torch.tensor([0, 0, 1, 1, -1]), 2, "the same with one caption that names no color"),
        (seen, torch.full((5,), -1), 1, "five captions that name no color"),
        (torch.tensor([1, 0, 1, 1, 1]), told, 1, "a red image that was taken for blue"),
        (torch.tensor([1, 0, 1, 1, 1]), told, 3, "a red image that was taken for blue"),
    ]
    random = torch.Generator().manual_seed(0)
    for N, colors, k in ((40, 5, 3), (40, 5, 12), (200, 12, 30)):
        image = torch.randint(colors, (N,), generator=random)
        said = torch.where(torch.rand(N, generator=random) < 0.3, -1, image)
        wrong = torch.where(torch.rand(N, generator=random) < 0.1, (image + 1) % colors, image)
        cases.append((wrong, said, k, f"{N} pairs of {colors} colors, some of them unnamed or mistaken"))
    for image, said, k, where in cases:
        value = recall(image, said, k)
        demand(
            isinstance(value, (int, float)) or getattr(value, "shape", None) == (),
            f"the result is {describe(value)}",
            "one number: an expected share of the captions",
        )
        right = color_recall(image, said, k)
        demand(abs(float(value) - right) < 1e-4, f"recall@{k} is {float(value):.4f} for {where}", f"{right:.4f}")
    return "ties broken at random, captions without a color, colors mistaken, and k beyond the number of one color"


def _parts(seen, told, k):  # type: ignore[no-untyped-def]
    first = (told[:, None] == seen) | (told[:, None] == -1)
    return first, first.sum(dim=1)


def _own_comes_first(seen, told, k):  # type: ignore[no-untyped-def]
    return _parts(seen, told, k)[0].diagonal().float().mean().item()


def _own_comes_last(seen, told, k):  # type: ignore[no-untyped-def]
    first, count = _parts(seen, told, k)
    return (first.diagonal() & (count <= k)).float().mean().item()


def _unclamped(seen, told, k):  # type: ignore[no-untyped-def]
    first, count = _parts(seen, told, k)
    return torch.where(first.diagonal(), k / count, ((k - count) / (len(seen) - count)).clamp(0, 1)).mean().item()


def _silent_find_nothing(seen, told, k):  # type: ignore[no-untyped-def]
    first = told[:, None] == seen
    count = first.sum(dim=1)
    rest = ((k - count) / (len(seen) - count)).clamp(0, 1) * (told != -1)
    return torch.where(first.diagonal(), (k / count).clamp(max=1), rest).mean().item()


def _mistaken_find_nothing(seen, told, k):  # type: ignore[no-untyped-def]
    first, count = _parts(seen, told, k)
    return torch.where(first.diagonal(), (k / count).clamp(max=1), 0.0).mean().item()


def _one_for_all(seen, told, k):  # type: ignore[no-untyped-def]
    count = _parts(seen, told, k)[1]
    return min(1.0, k / count.float().mean().item())


COLOR_RECALL = Exercise(
    id="01.4",
    title="Recall by color alone",
    difficulty=3,
    minutes=15,
    reference=color_recall,
    check=_check,
    hints=(
        "One caption: n images have its color, its own among them, and their order is random. How likely is it that "
        "its own is among the first k? And if k is larger than n?",
        "A caption without a color has n = N. If the own image was taken for another color, it stands behind the n "
        "others: of the k places k − n are left, for N − n images.",
        "`first = (told[:, None] == seen) | (told[:, None] == -1)` and `count = first.sum(dim=1)`; `first.diagonal()` "
        "says whose own image is among them; `.clamp(max=1)` and `.clamp(min=0)` do the rest, `torch.where` chooses.",
    ),
    mutants=(
        Mutant(
            _own_comes_first,
            "ties went to the own image, so that k did not matter: chance decides among images that are called alike",
        ),
        Mutant(
            _own_comes_last,
            "ties went against the own image: with k of n places it still has a chance of k / n",
        ),
        Mutant(_unclamped, "k / n grows beyond 1: who looks at more images than have the color finds the own for sure"),
        Mutant(
            _silent_find_nothing,
            "a caption that names no color finds its image by luck, with a chance of k / N",
        ),
        Mutant(
            _mistaken_find_nothing,
            "an image that was taken for another color is not lost: it stands behind the others, where k may reach",
        ),
        Mutant(
            _one_for_all,
            "the mean of k / n is not k over the mean of n: rare colors find more than common ones lose",
        ),
        Mutant(lambda s, t, k: k / len(s), "chance: the colors are not used"),
        Mutant(lambda s, t, k: color_recall(s, t, 1), "k is not used"),
        Mutant(lambda s, t, k: len(s) * color_recall(s, t, k), "the number of captions: divide by N"),
    ),
)
