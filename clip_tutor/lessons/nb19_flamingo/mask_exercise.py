"""Exercise 19.3: which images each token of an interleaved text may see."""

import torch
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe


def my_image_mask(token_ids: torch.Tensor, image_id: int, images: int, attend: str) -> torch.Tensor:
    """Return (B, T, images): True where a token of a text may look at an image.

    token_ids is (B, T). Each row holds image_id, the mark, as often as it has images: mark n stands where image n does.
    attend is "preceding": a token sees the last image at or before it; or "all": every image at or before it.
    A mark sees its own image. A token ahead of the first mark sees none.
    """
    seen = (token_ids == image_id).cumsum(dim=1)[..., None]  # (B, T, 1), marks at or before each token
    number = torch.arange(1, images + 1)  # (images,)
    return seen == number if attend == "preceding" else seen >= number


MARK = 9
_ROWS = (
    [[9, 1, 2, 9, 3, 4]],
    [[1, 2, 9, 3, 9, 9, 4], [9, 9, 1, 2, 3, 9, 5]],
    [[1, 2, 3, 9]],
    [[1, 2, 3]],
)


def _check_mask(mask_of: Attempt) -> str:
    for rows in _ROWS:
        ids = torch.tensor(rows)
        images = int((ids[0] == MARK).sum())
        for attend in ("preceding", "all"):
            found, right = mask_of(ids, MARK, images, attend), my_image_mask(ids, MARK, images, attend)
            demand(
                isinstance(found, Tensor) and found.shape == right.shape,
                f"the result is {describe(found)} for ids {tuple(ids.shape)} and {images} images",
                f"a tensor {tuple(right.shape)}",
            )
            demand(found.dtype == torch.bool, f"numbers of type {found.dtype}", "a mask of True and False, torch.bool")
            for b, t in (found != right).any(dim=-1).nonzero().tolist():
                demand(
                    False,
                    f"token {t} of {_written(rows[b])} sees {_named(found[b, t])} with attend={attend!r}",
                    _named(right[b, t]),
                )
    return "both ways to attend, marks side by side, text ahead of all images, no image at all, several rows"


def _written(row: list[int]) -> str:
    return "[" + " ".join("<image>" if token == MARK else f"w{token}" for token in row) + "]"


def _named(row: Tensor) -> str:
    numbers = (row.nonzero()[:, 0] + 1).tolist()
    return f"image {' and '.join(map(str, numbers))}" if numbers else "no image"


def _seen(ids: Tensor, mark: int) -> Tensor:
    return (ids == mark).cumsum(dim=1)[..., None]


def _with(preceding=None, every=None, seen=_seen):  # type: ignore[no-untyped-def]
    """Return an answer with another rule for either way to attend, or another count."""

    def answer(ids, mark, images, attend):  # type: ignore[no-untyped-def]
        number = torch.arange(1, images + 1)
        rule = (preceding or torch.eq) if attend == "preceding" else (every or torch.ge)
        return rule(seen(ids, mark), number)

    return answer


MASK = Exercise(
    id="19.3",
    title="Who sees which image",
    difficulty=2,
    minutes=10,
    reference=my_image_mask,
    check=_check_mask,
    hints=(
        "How many marks stand at or before each token? If it is 2, the token stands behind the second image.",
        "`(token_ids == image_id).cumsum(dim=1)` counts them: (B, T). Compare with the numbers of the images, 1, 2, …; "
        "a token ahead of the first mark has 0, which is no image's number.",
        "`seen[..., None]` is (B, T, 1), and `torch.arange(1, images + 1)` is (images,): `==` or `>=` between them "
        "gives (B, T, images).",
    ),
    mutants=(
        Mutant(_with(preceding=torch.ge), "both ways are alike, all images: with 'preceding' it is the last one alone"),
        Mutant(_with(every=torch.eq), "both ways are alike, the last image: with 'all' the earlier ones count, too"),
        Mutant(
            _with(torch.ne, torch.lt),
            "True and False were swapped: True is where a token may look",
        ),
        Mutant(
            _with(every=torch.le),
            "with 'all' a token saw the images that come later: what is read is written before they are known",
        ),
        Mutant(
            _with(seen=lambda ids, mark: _seen(ids, mark) - (ids == mark).long()[..., None]),
            "a mark does not see its own image: it is counted at its place, not only behind it",
        ),
        Mutant(
            _with(seen=lambda ids, mark: _seen(ids, mark).clamp(min=1)),
            "text ahead of the first mark sees the first image, which comes later: it sees none",
        ),
        Mutant(
            _with(seen=lambda ids, mark: _seen(ids, mark) + 1),
            "one image too far: the numbers of images and the count of marks are off by one",
        ),
        Mutant(
            _with(seen=lambda ids, mark: (ids == mark).sum(dim=1, keepdim=True)[..., None].expand(*ids.shape, 1)),
            "all tokens of a row see the same: count the marks up to each token, not those of the whole row",
        ),
        Mutant(
            _with(seen=lambda ids, mark: (ids == mark).flatten().cumsum(0).view(ids.shape)[..., None]),
            "the count runs on from one row into the next: each row begins at 0",
        ),
    ),
)
