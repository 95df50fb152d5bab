"""Exercise 10.4: recall where an image has several captions."""

import torch

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same


def caption_recall(similarity: torch.Tensor, image_of: torch.Tensor, k: int) -> tuple[float, float]:
    """Return recall@k both ways, text to image and image to text, from 0 to 1.

    similarity is (N, M), a row for each caption and a column for each image; image_of (N,) says to which image each
    caption belongs. An image has one caption or more, in any order.
    A caption finds its image if fewer than k other images are at least as similar to it.
    An image finds a caption if, for the best of its own, fewer than k captions of other images are at least as similar.
    """
    N, M = similarity.shape
    own = image_of[:, None] == torch.arange(M)  # (N, M)
    its_image = similarity[torch.arange(N), image_of]  # (N,)
    before_image = ((similarity >= its_image[:, None]) & ~own).sum(dim=1)  # (N,)
    best_caption = similarity.masked_fill(~own, -torch.inf).amax(dim=0)  # (M,)
    before_caption = ((similarity >= best_caption) & ~own).sum(dim=0)  # (M,)
    return (before_image < k).float().mean().item(), (before_caption < k).float().mean().item()


def _table(seed: int, M: int = 6, each: int = 5, shuffled: bool = True) -> tuple[torch.Tensor, torch.Tensor]:
    """Return similarities (N, M) of M images with ``each`` captions apiece, the right ones higher, and image_of."""
    random = torch.Generator().manual_seed(seed)
    image_of = torch.arange(M * each) // each
    image_of = image_of[torch.randperm(M * each, generator=random)] if shuffled else image_of
    own = image_of[:, None] == torch.arange(M)
    return torch.randn(M * each, M, generator=random) + 0.9 * own, image_of


def _check(answer: Attempt) -> str:
    table, image_of = _table(3)
    uneven = torch.cat([table[:9], table[-6:]]), torch.cat([image_of[:9], torch.arange(6)])
    cases = (
        (*_table(1), 1, "for 6 images with 5 captions each"),  # every known mistake gives other numbers here
        (*_table(0), 2, "for 6 images with 5 captions each"),
        (*_table(2, shuffled=False), 1, "for captions that lie in the order of the images"),
        (*uneven, 1, "for images with one, two or more captions"),
        (torch.zeros(6, 3), torch.arange(6) // 2, 1, "where all similarities are equal"),
        (*_table(4, each=1, shuffled=False), 1, "for one caption an image"),
    )
    for similarity, image_of, k, what in cases:
        found, right = answer(similarity, image_of, k), caption_recall(similarity, image_of, k)
        demand(
            isinstance(found, tuple) and len(found) == 2,
            describe(found),
            "two numbers: recall of captions that look for images, and of images that look for captions",
        )
        for way, one, true in zip(("text to image", "image to text"), found, right, strict=True):
            number = isinstance(one, float | int) or getattr(one, "shape", None) == ()
            demand(number, f"{way}, {describe(one)}", "one number")
            demand(same(float(one), true), f"{way} recall@{k} of {float(one):.3f} {what}", f"{true:.3f}")
    return "each caption counts for text to image, any of its captions for image to text, and a tie counts against both"


def _own(similarity, image_of):  # type: ignore[no-untyped-def]
    return image_of[:, None] == torch.arange(similarity.shape[1])


def _of_captions(similarity, image_of, k):  # type: ignore[no-untyped-def]
    return caption_recall(similarity, image_of, k)[0]


def _by_first(similarity, image_of):  # type: ignore[no-untyped-def]
    first = [(image_of == m).nonzero()[0, 0].item() for m in range(similarity.shape[1])]
    return similarity[first]  # (M, M)


def _first_caption(similarity, image_of, k):  # type: ignore[no-untyped-def]
    own, M = _own(similarity, image_of), similarity.shape[1]
    first = _by_first(similarity, image_of).diagonal()
    before = ((similarity >= first) & ~own).sum(dim=0)
    assert before.shape == (M,)
    return _of_captions(similarity, image_of, k), (before < k).float().mean().item()


def _one_each(similarity, image_of, k):  # type: ignore[no-untyped-def]
    table = _by_first(similarity, image_of)
    return caption_recall(table, torch.arange(len(table)), k)


def _all_captions(similarity, image_of, k):  # type: ignore[no-untyped-def]
    own = _own(similarity, image_of)
    worst = similarity.masked_fill(~own, torch.inf).amin(dim=0)
    before = ((similarity >= worst) & ~own).sum(dim=0)
    return _of_captions(similarity, image_of, k), (before < k).float().mean().item()


def _share_of_captions(similarity, image_of, k):  # type: ignore[no-untyped-def]
    before = (similarity.T[image_of] >= similarity[torch.arange(len(image_of)), image_of][:, None]) & (
        image_of[:, None] != image_of
    )
    return _of_captions(similarity, image_of, k), (before.sum(dim=1) < k).float().mean().item()


def _in_its_favor(similarity, image_of, k):  # type: ignore[no-untyped-def]
    own = _own(similarity, image_of)
    best = similarity.masked_fill(~own, -torch.inf)
    rows = ((similarity > best.amax(dim=1, keepdim=True)) & ~own).sum(dim=1)
    columns = ((similarity > best.amax(dim=0)) & ~own).sum(dim=0)
    return (rows < k).float().mean().item(), (columns < k).float().mean().item()


def _one_too_many(similarity, image_of, k):  # type: ignore[no-untyped-def]
    return caption_recall(similarity, image_of, k + 1)


CAPTION_RECALL = Exercise(
    id="10.4",
    title="Recall with five captions an image",
    difficulty=2,
    minutes=12,
    reference=caption_recall,
    check=_check,
    hints=(
        "A table of bools first: which caption (row) belongs to which image (column)? It is what the diagonal was in "
        "08.5.",
        "Text to image: of each row, take the similarity to its own image, and count the other columns that reach it.",
        "Image to text: of each column, the best of its own captions (`masked_fill` and `amax` over the rows), and "
        "count the captions of OTHERS that reach it. `>=` counts a tie against it.",
    ),
    mutants=(
        Mutant(
            _first_caption,
            "each image looked for one of its captions only: it is content with any of them",
        ),
        Mutant(
            _one_each,
            "one caption of each image was used and the others thrown away: every caption asks, and every one may be "
            "found",
        ),
        Mutant(_all_captions, "all captions of an image had to be among the best: any one of them is enough"),
        Mutant(
            _share_of_captions,
            "image to text counts captions here, the share that are found: count images that find one",
        ),
        Mutant(
            _in_its_favor,
            "ties count for the query: a model that calls everything equal would get 100 %",
        ),
        Mutant(lambda s, o, k: caption_recall(s, o, k)[::-1], "the two directions are swapped: rows are captions"),
        Mutant(_one_too_many, "one place too many: with k = 1, nobody else may come first"),
    ),
)
