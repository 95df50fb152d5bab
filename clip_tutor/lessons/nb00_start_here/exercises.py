"""Exercise of notebook 00, the tour: does the model tell twins apart, asked from both sides?"""

import torch

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe


def twin_scores(similarity: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return for T pairs of twins whether the images find their captions, and the captions their images: (T,) bools.

    similarity is (T, 2, 2): how well caption i of a pair (row i) fits its image j (column j). Caption 0 belongs to
    image 0, caption 1 to image 1. A pair gets a True only if both of its choices are right, and between two equal
    similarities no choice is made.
    """
    own = similarity.diagonal(dim1=1, dim2=2)  # (T, 2): caption i and image i
    other_caption = similarity.flip(1).diagonal(dim1=1, dim2=2)  # (T, 2): image i, and the caption of its twin
    other_image = similarity.flip(2).diagonal(dim1=1, dim2=2)  # (T, 2): caption i, and the image of its twin
    return (own > other_caption).all(dim=1), (own > other_image).all(dim=1)


def _demand_two_bools(result: object, T: int) -> None:
    tensors = result if isinstance(result, tuple) and len(result) == 2 else ()
    demand(
        len(tensors) == 2 and all(isinstance(one, torch.Tensor) and one.shape == (T,) for one in tensors),
        f"the result is {', '.join(map(describe, result)) if isinstance(result, tuple) else describe(result)}",
        f"two tensors ({T},): one answer for each pair of twins, from each side",
    )
    demand(
        all(one.dtype == torch.bool for one in tensors),
        f"the results are of type {' and '.join(str(one.dtype) for one in tensors)}",
        "torch.bool: each pair is told apart, or it is not",
    )


def _check(answer: Attempt) -> str:
    similarity = torch.rand(200, 2, 2, generator=torch.Generator().manual_seed(0))
    by_hand, result = answer(torch.tensor([[[0.5, 0.6], [0.3, 0.8]]])), answer(similarity)
    _demand_two_bools(by_hand, 1)
    _demand_two_bools(result, 200)
    seen = tuple(one.item() for one in by_hand)
    demand(seen == (True, False), f"{seen} for the pair worked by hand", "(True, False)")
    for side, found, right in zip(("image", "caption"), result, twin_scores(similarity), strict=True):
        demand(
            torch.equal(found, right),
            f"{found.sum()} of 200 pairs in which each {side} finds its own, {(found != right).sum()} of them judged "
            "otherwise than here",
            f"{right.sum()} of 200",
        )
    demand(
        not any(one.any() for one in answer(torch.full((3, 2, 2), 0.4))),
        "pairs count as told apart whose four similarities are equal",
        "no choice between equals: a model that sees no difference must get 0",
    )
    return "two answers for each pair, from the images' side and the captions', on 200 pairs, and none from a tie"


def _own_and_wrong(similarity: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return (T, 2) each: own, with the twin's caption, with the twin's image."""
    own, with_image = similarity.diagonal(dim1=1, dim2=2), similarity.flip(2).diagonal(dim1=1, dim2=2)
    return own, with_image.flip(1), with_image


def _one_is_enough(similarity: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    own, caption, image = _own_and_wrong(similarity)
    return (own > caption).any(dim=1), (own > image).any(dim=1)


def _only_the_first(similarity: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    own, caption, image = _own_and_wrong(similarity)
    return own[:, 0] > caption[:, 0], own[:, 0] > image[:, 0]


def _in_sum(similarity: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    own, caption, _ = _own_and_wrong(similarity)
    better = own.sum(dim=1) > caption.sum(dim=1)
    return better, better


def _with_ties(similarity: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    own, caption, image = _own_and_wrong(similarity)
    return (own >= caption).all(dim=1), (own >= image).all(dim=1)


def _group(similarity: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    both = torch.stack(twin_scores(similarity)).all(dim=0)
    return both, both


TWINS = Exercise(
    id="00.1",
    title="Told apart, from both sides",
    difficulty=2,
    minutes=10,
    reference=twin_scores,
    check=_check,
    hints=(
        "Write down the four numbers of one pair. An image is a column: which two of them does image 0 compare? A "
        "caption is a row: which two does caption 0 compare?",
        "From either side there are two comparisons, and the right numbers of both stand on the diagonal. What differs "
        "is which of the wrong numbers each is compared with.",
        "`similarity[:, 0, 1]` are the T similarities of caption 0 with image 1. With four such slices a side is two "
        "comparisons, joined by `&`.",
    ),
    mutants=(
        Mutant(
            lambda s: twin_scores(s)[::-1],
            "the two sides are exchanged: an image compares the numbers of its column, a caption those of its row",
        ),
        Mutant(_one_is_enough, "one right choice was enough: both images, or both captions, must find theirs"),
        Mutant(_only_the_first, "only twin 0 was asked: a model that always prefers caption 0 would pass"),
        Mutant(
            _in_sum,
            "the right numbers were compared with the wrong ones in sum: one good choice then makes up for a bad one",
        ),
        Mutant(_with_ties, "≥ counts a tie as right: use >"),
        Mutant(
            _group,
            "each right number was compared with both of the wrong ones, which joins the two sides: an image compares "
            "the two numbers of its column, a caption those of its row",
        ),
    ),
)

EXERCISES = (TWINS,)
