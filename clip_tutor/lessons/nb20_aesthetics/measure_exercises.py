"""Exercises 20.3 and 20.4: how well scores agree with ratings, and which attribute explains them."""

import math

import torch
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand


def agreement(scores: torch.Tensor, ratings: torch.Tensor, resamples: torch.Tensor) -> tuple[float, float, float]:
    """Return the share of pairs of images that scores order as ratings do, and its 95 % interval.

    scores and ratings are (N,). Two images are a pair if their ratings differ; equal scores order it half right.
    resamples is (R, N): R draws of N images with replacement, as image numbers. The share of a draw is taken over the
    pairs among its N images; an image that was drawn twice is there twice. The interval holds the middle 95 % of the R
    shares: `torch.quantile` at 0.025 and 0.975.
    """

    def share(s: torch.Tensor, r: torch.Tensor) -> torch.Tensor:
        order = (r[..., :, None] - r[..., None, :]).sign()  # (…, N, N)
        found = (s[..., :, None] - s[..., None, :]).sign()
        right = 0.5 * (found == 0) + 1.0 * (found == order)  # where order is not 0
        counted = order != 0
        return (right * counted).sum(dim=(-2, -1)) / counted.sum(dim=(-2, -1))

    drawn = share(scores[resamples], ratings[resamples])  # (R,)
    ends = torch.quantile(drawn, drawn.new_tensor([0.025, 0.975]))
    return share(scores, ratings).item(), ends[0].item(), ends[1].item()


def _judged(N: int, noise: float, steps: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    scores = (4 * torch.rand(N, generator=random)).round() / 2  # many of them equal
    ratings = (scores * steps / 2 + noise * torch.randn(N, generator=random)).round()
    return scores, ratings, torch.randint(N, (200, N), generator=random)


_JUDGED = ((12, 2.0, 3, 0), (20, 3.0, 4, 1), (15, 0.3, 2, 2))


def _check_agreement(agreement_: Attempt) -> str:
    for case in _JUDGED:
        given = _judged(*case)
        answer = agreement_(*given)
        demand(
            isinstance(answer, tuple) and len(answer) == 3 and all(isinstance(one, float) for one in answer),
            f"{answer!r:.80}",
            "three plain numbers: the share, and both ends of its interval",
        )
        for name, one, right in zip(("share", "lower end", "upper end"), answer, agreement(*given), strict=True):
            demand(
                math.isclose(one, right, abs_tol=1e-4),
                f"the {name} is {one:.4f} for {case[0]} images",
                f"{right:.4f}",
            )
    return "share and interval of three sets of ratings, with equal scores and with equal ratings"


def _tables(s: Tensor, r: Tensor) -> tuple[Tensor, Tensor]:
    return (r[..., :, None] - r[..., None, :]).sign(), (s[..., :, None] - s[..., None, :]).sign()


def _share(s: Tensor, r: Tensor, tie: float = 0.5) -> Tensor:
    order, found = _tables(s, r)
    right = tie * (found == 0) + 1.0 * (found == order) * (found != 0)
    counted = order != 0
    return (right * counted).sum(dim=(-2, -1)) / counted.sum(dim=(-2, -1))


def _all_pairs(s: Tensor, r: Tensor) -> Tensor:
    order, found = _tables(s, r)
    return (found == order).double().mean(dim=(-2, -1))


def _interval(drawn: Tensor, low: float = 0.025, high: float = 0.975) -> list[float]:
    return torch.quantile(drawn, torch.tensor([low, high], dtype=drawn.dtype)).tolist()


def _by(share, low=0.025, high=0.975):  # type: ignore[no-untyped-def]
    def answer(scores, ratings, resamples):  # type: ignore[no-untyped-def]
        ends = _interval(share(scores[resamples], ratings[resamples]), low, high)
        return share(scores, ratings).item(), *ends

    return answer


def _each_once(scores, ratings, resamples):  # type: ignore[no-untyped-def]
    drawn = torch.stack([_share(scores[row.unique()], ratings[row.unique()]) for row in resamples])
    return _share(scores, ratings).item(), *_interval(drawn)


def _pairs_as_coins(scores, ratings, resamples):  # type: ignore[no-untyped-def]
    p = _share(scores, ratings).item()
    pairs = int((ratings[:, None] > ratings[None, :]).sum())
    spread = 1.96 * math.sqrt(p * (1 - p) / pairs)
    return p, p - spread, p + spread


def _apart(scores, ratings, resamples):  # type: ignore[no-untyped-def]
    drawn = _share(scores[resamples], ratings[resamples.flip(0)])
    return _share(scores, ratings).item(), *_interval(drawn)


AGREEMENT = Exercise(
    id="20.3",
    title="Agreement, with an interval",
    difficulty=2,
    minutes=15,
    reference=agreement,
    check=_check_agreement,
    hints=(
        "Write the share as a function of scores and ratings first. `(r[:, None] - r[None, :]).sign()` is an (N, N) "
        "table of what the rater said about every two images; make the same of the scores, and compare.",
        "Both tables hold every pair twice, and every image with itself. The first does no harm to a share, and the "
        "second has equal ratings, so it is left out with those.",
        "`scores[resamples]` is (R, N). With `r[..., :, None] - r[..., None, :]` your share takes all R draws at once; "
        "a loop over the rows does as well.",
    ),
    mutants=(
        Mutant(_by(lambda s, r: _share(s, r, 1.0)), "equal scores were counted as right: that is a coin, so half"),
        Mutant(_by(lambda s, r: _share(s, r, 0.0)), "equal scores were counted as wrong: that is a coin, so half"),
        Mutant(
            _by(_all_pairs),
            "images with equal ratings were counted, each image with itself among them: about those the rater said "
            "nothing",
        ),
        Mutant(
            _by(lambda s, r: 2 * _share(s, r) - 1), "that is Kendall's τ, from −1 to 1: the share of pairs is asked"
        ),
        Mutant(_by(_share, 0.05, 0.95), "the middle 90 %: 2.5 % lie outside on either side"),
        Mutant(_by(_share, 0.0, 1.0), "the least and the largest of the draws: leave 2.5 % outside on either side"),
        Mutant(_each_once, "an image that was drawn twice is there twice: otherwise each draw is a smaller sample"),
        Mutant(
            _pairs_as_coins,
            "the formula for independent answers, one for each pair. But an image stands in N − 1 pairs, and these "
            "fall together: the interval is far too narrow. Draw images",
        ),
        Mutant(_apart, "scores and ratings were drawn separately: both of an image go together"),
    ),
)


def explained_share(scores: torch.Tensor, labels: list[str]) -> float:
    """Return which share of the variance of (N,) scores lies between the groups of images with the same label.

    That is η²: the sum over groups of (number of images) × (mean of the group − mean of all)², divided by the sum over
    all images of (score − mean of all)². 0 if all groups have the same mean, 1 if each group has one score.
    """
    mean = scores.mean()
    between = torch.zeros(())
    for label in set(labels):
        group = scores[torch.tensor([own == label for own in labels])]
        between = between + len(group) * (group.mean() - mean) ** 2
    return (between / ((scores - mean) ** 2).sum()).item()


def _labelled(sizes: tuple[int, ...], spread: float, seed: int) -> tuple[Tensor, list[str]]:
    random = torch.Generator().manual_seed(seed)
    labels = [f"group {n}" for n, size in enumerate(sizes) for _ in range(size)]
    heights = spread * torch.randn(len(sizes), generator=random)
    scores = torch.cat(
        [height + torch.randn(size, generator=random) for height, size in zip(heights, sizes, strict=True)]
    )
    order = torch.randperm(len(labels), generator=random).tolist()
    return scores[order], [labels[n] for n in order]


_LABELLED = (((5, 5), 1.0, 0), ((9, 2, 4), 2.0, 1), ((20, 1, 3, 6), 0.5, 2))


def _check_audit(explained: Attempt) -> str:
    for sizes, spread, seed in _LABELLED:
        scores, labels = _labelled(sizes, spread, seed)
        found, right = explained(scores, labels), explained_share(scores, labels)
        demand(isinstance(found, float), f"{type(found).__name__}", "a plain number", ".item() makes one of a tensor")
        demand(
            math.isclose(found, right, abs_tol=1e-4),
            f"{found:.4f} for groups of {', '.join(map(str, sizes))} images",
            f"{right:.4f}",
        )
    flat = explained(torch.tensor([1.0, 3.0, 1.0, 3.0]), ["a", "a", "b", "b"])
    demand(abs(flat) < 1e-6, f"{flat:.4f} where both groups have the same mean", "0")
    whole = explained(torch.tensor([1.0, 1.0, 3.0, 3.0, 3.0]), ["a", "a", "b", "b", "b"])
    demand(abs(whole - 1) < 1e-6, f"{whole:.4f} where each group has one score", "1")
    return "groups of equal and of very different size, 0 for equal means, and 1 where the label decides"


def _groups(scores: Tensor, labels: list[str]) -> list[Tensor]:
    return [scores[torch.tensor([own == label for own in labels])] for label in sorted(set(labels))]


def _ratio(between, total=lambda s: ((s - s.mean()) ** 2).sum()):  # type: ignore[no-untyped-def]
    return lambda scores, labels: float(between(scores, _groups(scores, labels)) / total(scores))


def _means(groups: list[Tensor]) -> Tensor:
    return torch.stack([group.mean() for group in groups])


def _sizes(groups: list[Tensor]) -> Tensor:
    return torch.tensor([float(len(group)) for group in groups])


AUDIT = Exercise(
    id="20.4",
    title="What a taste tracks",
    difficulty=2,
    minutes=10,
    reference=explained_share,
    check=_check_audit,
    hints=(
        "Three numbers for each group: how many images it has, its mean, and the mean of all images.",
        "`scores[torch.tensor([own == label for own in labels])]` are the scores of one group.",
        "A group of one image and a group of twenty do not count the same: the number of images stands before the "
        "square.",
    ),
    mutants=(
        Mutant(
            _ratio(lambda s, g: ((_means(g) - s.mean()) ** 2).sum()),
            "each group was counted once: a group counts with the number of its images",
        ),
        Mutant(
            _ratio(lambda s, g: (_sizes(g) * (_means(g) - _means(g).mean()) ** 2).sum()),
            "the mean of the groups' means in place of the mean of all images: they differ where groups differ in size",
        ),
        Mutant(
            _ratio(lambda s, g: sum(((group - group.mean()) ** 2).sum() for group in g)),
            "what lies WITHIN the groups: that is the rest, 1 − η²",
        ),
        Mutant(
            lambda scores, labels: explained_share(scores, labels) ** 0.5,
            "the square root, η: the share of the variance is η²",
        ),
        Mutant(
            _ratio(lambda s, g: _means(g).var(), lambda s: s.var()),
            "the variance of the means over the variance of the scores: groups count with their number of images, and "
            "both sums are divided by nothing",
        ),
        Mutant(
            lambda scores, labels: explained_share(scores, labels) / (1 - explained_share(scores, labels)),
            "between divided by within: divide by all of it",
        ),
        Mutant(
            _ratio(lambda s, g: (_sizes(g) * (_means(g) - s.mean()).abs()).sum(), lambda s: (s - s.mean()).abs().sum()),
            "absolute differences: squares add up to the whole, and these do not",
        ),
    ),
)
