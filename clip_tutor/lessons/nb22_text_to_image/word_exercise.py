"""Exercise 22.10: which place of an image looks at which word, over all heads and levels."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe
from clip_tutor.lab.exercises.modules import random_tensor


def my_word_maps(maps: Sequence[torch.Tensor], words: Sequence[Sequence[int]], side: int) -> torch.Tensor:
    """Return (words, side, side): for each word the share of attention that each pixel gives it.

    maps are attention maps of one image, one for each block: (K, H · H, T), H · H places row by row. H differs from
    block to block and divides side.
    words has for each word the numbers of its tokens, among T: a word may be several tokens, not always neighbors.
    A place's share for a word is what all tokens of the word get together, averaged over heads. All pixels of a place
    have its share. Blocks are averaged, each counts alike.
    """
    found = []
    for weights in maps:
        heads = weights.mean(dim=0)  # (H · H, T)
        H = math.isqrt(len(heads))
        shares = torch.stack([heads[:, list(tokens)].sum(dim=1) for tokens in words])  # (words, H · H)
        found.append(F.interpolate(shares.view(1, -1, H, H), size=(side, side))[0])  # (words, side, side)
    blocks = torch.stack(found)  # (blocks, words, side, side)
    return blocks.mean(dim=0)


_WORDS = ((1,), (2, 3), (0, 4))
_LEVELS = ((4, 2), (2, 3), (2, 2), (1, 2))  # H and heads of each block, two of one size
_SIDE = 4


def maps_of(levels: Sequence[tuple[int, int]], T: int = 6) -> list[Tensor]:
    """Return attention maps (K, H · H, T) whose rows add up to 1."""
    return [(2 * random_tensor(K, H * H, T, seed=H)).softmax(dim=-1) for H, K in levels]


def _check_words(word_maps: Attempt) -> str:
    for levels, words in ((_LEVELS[:1], ((1,),)), (_LEVELS[1:2], _WORDS), (_LEVELS, _WORDS[:1]), (_LEVELS, _WORDS)):
        maps = maps_of(levels)
        found, right = word_maps(maps, words, _SIDE), my_word_maps(maps, words, _SIDE)
        blocks = " and ".join(f"{H}×{H}" for H, _ in levels)
        demand(
            isinstance(found, Tensor) and found.shape == right.shape,
            f"the result is {describe(found)} for {len(words)} words, blocks of {blocks} places and side {_SIDE}",
            f"a tensor {tuple(right.shape)}",
        )
        far = (found - right).abs()
        word, row, column = (int(n) for n in torch.unravel_index(far.argmax(), far.shape))
        tokens = " and ".join(map(str, words[word]))
        demand(
            far.max() < 1e-5,
            f"{found[word, row, column]:.4f} for the word with token {tokens} at row {row}, column {column}, from "
            f"blocks of {blocks} places",
            f"{right[word, row, column]:.4f}",
        )
    return "words of one token and of two, one block and four of three sizes, every pixel"


def _with(heads=None, word=None, grown=None, end=None):  # type: ignore[no-untyped-def]
    """Return an answer that puts heads, tokens of a word, places or blocks together in another way."""
    heads = heads or (lambda weights: weights.mean(dim=0))
    word = word or (lambda shares, tokens: shares[:, list(tokens)].sum(dim=1))
    grown = grown or (lambda shares, H, side: F.interpolate(shares.view(1, -1, H, H), size=(side, side))[0])
    end = end or (lambda found, maps: torch.stack(found).mean(dim=0))

    def answer(maps, words, side):  # type: ignore[no-untyped-def]
        found = []
        for weights in maps:
            shares = heads(weights)
            rows = torch.stack([word(shares, tokens) for tokens in words])
            found.append(grown(rows, math.isqrt(len(shares)), side))
        return end(found, maps)

    return answer


def _turned(shares: Tensor, H: int, side: int) -> Tensor:
    return F.interpolate(shares.view(1, -1, H, H).transpose(2, 3), size=(side, side))[0]


def _smoothed(shares: Tensor, H: int, side: int) -> Tensor:
    return F.interpolate(shares.view(1, -1, H, H), size=(side, side), mode="bilinear")[0]


def _tiled(shares: Tensor, H: int, side: int) -> Tensor:
    return shares.view(-1, H, H).repeat(1, side // H, side // H)


def _by_heads(found, maps):  # type: ignore[no-untyped-def]
    return sum(len(weights) * one for one, weights in zip(found, maps, strict=True)) / sum(map(len, maps))


def _by_size(found, maps):  # type: ignore[no-untyped-def]
    sizes = [weights.shape[1] for weights in maps]
    groups = [[one for one, size in zip(found, sizes, strict=True) if size == each] for each in sorted(set(sizes))]
    return torch.stack([torch.stack(group).mean(dim=0) for group in groups]).mean(dim=0)


WORDS = Exercise(
    id="22.10",
    title="Which place looks at which word",
    difficulty=2,
    minutes=15,
    kind="further",
    reference=my_word_maps,
    check=_check_words,
    hints=(
        "Do one block first: heads, then the tokens of each word, then places to pixels. Only then blocks.",
        "`weights[:, :, tokens]` are the columns of a word's tokens. They share the attention of a place: add them up.",
        "`F.interpolate(shares.view(1, -1, H, H), size=(side, side))` repeats each place to a square of pixels, and "
        "H is `math.isqrt` of the number of places.",
    ),
    mutants=(
        Mutant(
            _with(word=lambda shares, tokens: shares[:, list(tokens)].mean(dim=1)),
            "the tokens of a word were averaged: together they get the sum, or long words would seem to be ignored",
        ),
        Mutant(
            _with(word=lambda shares, tokens: shares[:, list(tokens)].amax(dim=1)),
            "the largest of a word's tokens alone: together they get the sum",
        ),
        Mutant(_with(word=lambda shares, tokens: shares[:, tokens[0]]), "the first token of a word alone"),
        Mutant(
            _with(word=lambda shares, tokens: shares[:, min(tokens) : max(tokens) + 1].sum(dim=1)),
            "all from the first to the last token of a word: other words may stand between them",
        ),
        Mutant(
            _with(word=lambda shares, tokens: shares[:, [token - 1 for token in tokens]].sum(dim=1)),
            "one token too early: the numbers count from the start token, which is 0",
        ),
        Mutant(_with(heads=lambda weights: weights.sum(dim=0)), "the heads were added up: they are averaged"),
        Mutant(_with(heads=lambda weights: weights.amax(dim=0)), "the largest head alone: they are averaged"),
        Mutant(_with(heads=lambda weights: weights[0]), "the first head alone: they are averaged"),
        Mutant(_with(grown=_turned), "rows and columns were swapped: places stand row by row"),
        Mutant(_with(grown=_smoothed), "places were blended: all pixels of a place have its share"),
        Mutant(_with(grown=_tiled), "the map was repeated side by side: each place becomes a square of pixels"),
        Mutant(_with(end=lambda found, maps: found[0]), "the first block alone: they are averaged"),
        Mutant(_with(end=_by_size), "blocks of one size were averaged first: each block counts alike, not each size"),
        Mutant(_with(end=lambda found, maps: torch.stack(found).sum(dim=0)), "the blocks were added up, not averaged"),
        Mutant(_with(end=_by_heads), "all heads of all blocks were averaged at once: each block counts alike"),
        Mutant(
            _with(end=lambda found, maps: torch.stack([one / one.amax() for one in found]).mean(dim=0)),
            "each block was divided by its largest share: then words and blocks cannot be compared",
        ),
    ),
)
