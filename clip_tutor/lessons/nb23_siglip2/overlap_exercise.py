"""Exercise 23.5, for going further: how well regions overlap with the truth."""

import torch
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, same


def mean_iou(predicted: torch.Tensor, truth: torch.Tensor, classes: int) -> float:
    """Return the mean over classes of intersection over union, of all pixels of all images together.

    predicted and truth are (B, H, W), whole numbers from 0 to classes − 1. The intersection of a class: pixels that are
    its and are said to be. Its union: pixels that are its, or are said to be. A class with neither does not count.
    """
    overlaps = []
    for c in range(classes):
        said, true = predicted == c, truth == c
        union = (said | true).sum().item()
        if union:
            overlaps.append((said & true).sum().item() / union)
    return sum(overlaps) / len(overlaps)


def _maps(B: int, side: int, classes: int, mistakes: float, seed: int) -> tuple[Tensor, Tensor]:
    """Return truth with much background, and a prediction with a share of its pixels replaced."""
    random = torch.Generator().manual_seed(seed)
    truth = torch.randint(-classes, classes, (B, side, side), generator=random).clamp(min=0)
    other = torch.randint(0, classes, truth.shape, generator=random)
    return torch.where(torch.rand(truth.shape, generator=random) < mistakes, other, truth), truth


_SAID, _TRUE = torch.tensor([[[[0, 0, 1], [3, 4, 1]]], [[[0, 0, 1], [0, 2, 1]]]])  # 2 is never said, 3 and 4 never true
_CASES = ((1, 4, 3, 3, 0.4), (3, 5, 4, 4, 0.3), (2, 6, 3, 7, 0.5), (2, 4, 2, 2, 0.0))


def _check_iou(measure: Attempt) -> str:
    cases = [
        (*_maps(B, side, used, mistakes, seed), classes)
        for seed, (B, side, used, classes, mistakes) in enumerate(_CASES)
    ]
    cases.append((_SAID, _TRUE, 6))
    found = [measure(*case) for case in cases]
    for value, case in zip(found, cases, strict=True):
        demand(
            isinstance(value, float),
            f"the result is of type {type(value).__name__}",
            "a float",
            "`.item()` makes a float of a tensor that holds one number",
        )
        wanted = mean_iou(*case)
        there = len(torch.stack(case[:2]).unique())
        demand(
            same(float(value), wanted),
            f"{value:.4f} for {len(case[0])} image{'s' * (len(case[0]) > 1)} with {there} of {case[2]} classes",
            f"{wanted:.4f}",
        )
    return (
        "one image and several, classes that are nowhere, never said or never true, and a prediction without a mistake"
    )


def _with(of_class, keep=lambda union: union > 0, first=0):  # type: ignore[no-untyped-def]
    def measure(predicted, truth, classes):  # type: ignore[no-untyped-def]
        values = []
        for c in range(first, classes):
            said, true = predicted == c, truth == c
            if keep((said | true).sum().item()):
                values.append(float(of_class(said, true)))
        return sum(values) / max(1, len(values))

    return measure


def _of_classes(which):  # type: ignore[no-untyped-def]
    """Return a measure that leaves out classes by where they are."""

    def measure(predicted, truth, classes):  # type: ignore[no-untyped-def]
        maps = [(predicted == c, truth == c) for c in range(classes)]
        values = [_iou(said, true) for said, true in maps if which(said.any(), true.any())]
        return sum(values) / len(values)

    return measure


def _iou(said: Tensor, true: Tensor) -> float:
    return (said & true).sum().item() / max(1, (said | true).sum().item())


MEAN_IOU = Exercise(
    id="23.5",
    title="mIoU",
    difficulty=1,
    minutes=8,
    kind="further",
    reference=mean_iou,
    check=_check_iou,
    hints=(
        "Take one class: `predicted == c` and `truth == c` are two maps of True and False.",
        "`&` is their intersection, `|` their union; `.sum()` counts pixels, over all images at once.",
        "A union of 0 means that the class is nowhere: leave it out before you take the mean.",
    ),
    mutants=(
        Mutant(
            lambda p, t, c: (p == t).float().mean().item(),
            "the share of pixels that are right: all background would have most of it",
        ),
        Mutant(_with(_iou, keep=lambda union: True), "classes that are nowhere count as 0: they say nothing"),
        Mutant(
            _with(lambda s, t: _iou(s, t) if (s | t).any() else 1.0, keep=lambda union: True),
            "classes that are nowhere count as 1: nobody has found them",
        ),
        Mutant(
            _with(lambda s, t: (s & t).sum() / (s | t).sum(), keep=lambda union: True),
            "0 / 0 is NaN: leave out classes without a union",
        ),
        Mutant(
            _of_classes(lambda said, true: true),
            "classes that are never true were left out: where one is said, it has a union, and an IoU of 0",
        ),
        Mutant(
            _of_classes(lambda said, true: said),
            "classes that are never said were left out: where one is true, it has a union, and an IoU of 0",
        ),
        Mutant(
            _of_classes(lambda said, true: said and true),
            "only classes that are both said and true count: the others that have a union have an IoU of 0",
        ),
        Mutant(_with(_iou, first=1), "the background is a class, too"),
        Mutant(
            _with(lambda s, t: (s & t).sum() / max(1, t.sum().item())),
            "divided by the true pixels alone: whoever says a class everywhere would be right about all of it",
        ),
        Mutant(
            _with(lambda s, t: (s & t).sum() / max(1, s.sum().item())),
            "divided by the pixels that were said alone: whoever says a class once, and rightly, would be perfect",
        ),
        Mutant(
            _with(lambda s, t: 2 * (s & t).sum() / (s.sum() + t.sum())),
            "this is Dice, twice the intersection over the sum: it is never lower than IoU",
        ),
        Mutant(
            _with(lambda s, t: (s & t).sum() / (s.sum() + t.sum())),
            "the sum counts the intersection twice: in the union it counts once",
        ),
        Mutant(
            lambda p, t, c: sum(mean_iou(a[None], b[None], c) for a, b in zip(p, t, strict=True)) / len(p),
            "a mean for each image, and the mean of these: pixels of all images are counted together",
        ),
    ),
)
