"""Captions of scenes, damaged in the five ways in which alt-text of the web is.

    a huge cat on a red background  ─┬─ file name         IMG_4821.jpg
                                     ├─ boilerplate       image not found
                                     ├─ wrong caption     two rockets on blue
                                     ├─ other language    gato
                                     └─ "image of"        image of a huge cat on a red background

The first three no longer say what the image shows; the last two still do, one of them in words that few others use.
What happens to a pair is a function of (seed, pair) alone: it is the same in any batch, in any order, and a pair that
is damaged at a share of 20 percent is damaged in the same way at 40.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from clip_tutor.data.captions import choose
from clip_tutor.data.curation.filters import BOILERPLATE
from clip_tutor.data.random_numbers import counter_rng
from clip_tutor.data.scenes import Scene

KINDS = ("file name", "boilerplate", "wrong caption", "other language", "image of")
UNTOUCHED, FILE_NAME, BOILERPLATE_ONLY, WRONG, LANGUAGE, IMAGE_OF = range(6)
SEED = 15  # not the scenes' own, 0: with theirs, the number that chooses what a scene shows would choose its damage
_WORDS, _OTHER = 1, 2  # what else is drawn for a pair, each with a seed of its own
_FAR = 1 << 30  # pairs whose captions stand under images that are not theirs: none of them is trained on
_CAMERAS = ("IMG_{n:04}.jpg", "DSC{n:05}.JPG", "image{n}.png", "{n:x}_large.jpg", "id={n:x}&cache=0", "thumb-{n}.webp")
_SHARED = (*BOILERPLATE, "image not found", "alt img", "1920x1080", "no description", "logo", "untitled")
_AROUND = ("image of {}", "photo of {}", "picture: {}", "{} stock photo", "{} - click to enlarge picture")


def choose_damage(pairs: torch.Tensor, split: str, share: float, kinds: int, seed: int) -> torch.Tensor:
    """Return (N,) whole numbers: which damage each pair has, 1 to ``kinds``, or 0 for none.

    pairs is (N,), the numbers of N pairs, in any order. What a pair has depends on (seed, its number) alone.
    Of the training pairs a ``share`` are damaged, each kind as often as the others. Those that are damaged at one
    share have the same damage at every larger one. Pairs of any other split than "train" are left as they are.
    """
    if split != "train":
        return torch.zeros_like(pairs)
    whether, which = torch.from_numpy(counter_rng(seed, pairs.numpy(), 2)).T
    return torch.where(whether < share, 1 + (which * kinds).long(), 0)


def damage(
    told: Sequence[Scene], kinds: Tensor, captions_of: Callable[[Sequence[int]], list[str]], seed: int = SEED
) -> list[str]:
    """Return the captions of B scenes, each damaged in the way that ``kinds`` (B,) says, 0 for not at all.

    Args:
        captions_of: gives the captions of other scenes by their numbers. Wrong captions come from there, and are to be
            like the right ones in all but being right: ``test_a_wrong_caption_is_one_of_another_scene``.
    """
    numbers = torch.tensor([scene.index for scene in told]).numpy()
    words = counter_rng(seed + _WORDS, numbers, 2).tolist()
    far = _FAR + (counter_rng(seed + _OTHER, numbers, 1)[:, 0] * _FAR).astype(int)
    wrong = [row for row, kind in enumerate(kinds.tolist()) if kind == WRONG]
    others = dict(zip(wrong, captions_of(far[wrong].tolist()), strict=True)) if wrong else {}
    captions = []
    for row, (scene, kind) in enumerate(zip(told, kinds.tolist(), strict=True)):
        if kind == WRONG:
            captions.append(others[row])
        else:
            captions.append(_said(scene, kind, *words[row]))
    return captions


def _said(scene: Scene, kind: int, which: float, number: float) -> str:
    if kind == FILE_NAME:
        return choose(_CAMERAS, which).format(n=int(number * 100_000))
    if kind == BOILERPLATE_ONLY:
        return choose(_SHARED, which)
    if kind == LANGUAGE:
        language = int(which * len(scene.objects[0].names))
        return ", ".join(emoji.names[language][1] for emoji in scene.objects)
    if kind == IMAGE_OF:
        return choose(_AROUND, which).format(scene.caption)
    return scene.caption


def still_true(kinds: Tensor) -> Tensor:
    """Return (N,): does the caption still say something of what the image shows?"""
    return (kinds == UNTOUCHED) | (kinds >= LANGUAGE)
