"""The images and words of notebook 09: animals, dishes and other things, twenty templates, other words for a class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from clip_tutor.data.drawing import BACKGROUNDS
from clip_tutor.data.emoji import FIRST_WORDS, Emoji, find_emoji, load_emoji
from clip_tutor.data.labelled import LabelledImages, labelled_scenes
from clip_tutor.data.scenes import Scenes
from clip_tutor.evaluation.encoding import Encoded, encode_labelled
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer

GROUPS = ("Animals & Nature", "Food & Drink")
# Written for this notebook: wordings of the training captions, half-way ones, and those made for photographs.
POOL = (
    "a photo of a {}.",
    "a {}",
    "{}",
    "the {}",
    "one {}",
    "tiny {}",
    "small {}",
    "a huge {}",
    "{} on white",
    "a picture of a {} on a white background",
    "a {} in front of a blue background",
    "a drawing of a {}",
    "an image of a {}",
    "a bad photo of the {}.",
    "a photo of the large {}.",
    "a photo of the small {}.",
    "a {} in a video game.",
    "a origami {}.",
    "art of the {}.",
    "itap of a {}.",
)


class Split(NamedTuple):
    """A labelled set and what the model makes of it."""

    labelled: LabelledImages
    encoded: Encoded


def animals_and_dishes() -> tuple[Emoji, ...]:
    """Return the 285 emoji of these two groups."""
    return tuple(emoji for emoji in load_emoji() if emoji.group in GROUPS)


def other_things() -> tuple[Emoji, ...]:
    """Return everyday things that are neither animals nor dishes."""
    return tuple(emoji for emoji in find_emoji(FIRST_WORDS) if emoji.group not in GROUPS)


def encode(model: CLIP, objects: Sequence[Emoji], count: int, seed: int = 0) -> Split:
    """Return ``count`` unseen scenes of these objects, each alone; another seed, other scenes."""
    labelled = labelled_scenes(objects, "test", model.config.vision.image_size, count, seed)
    return Split(labelled, encode_labelled(model, labelled))


def text_encoder(model: CLIP, tokenizer: Tokenizer) -> Callable[[list[str]], Tensor]:
    """Return what makes (B, E) of a list of B texts, as the text encoder gives them: of any length."""

    @torch.no_grad()
    def encode_texts(texts: list[str]) -> Tensor:
        rows = tokenizer(texts, truncate=True, pad=tokenizer.batch_padding)
        return torch.cat([model.encode_text(part) for part in torch.tensor(rows).split(256)]).float()

    return encode_texts


def another_word(objects: Sequence[Emoji]) -> list[str]:
    """Return another noun for each object, one that no other object here goes by; its own where there is none."""
    called = Counter(noun.singular for one in objects for noun in (one.noun, *one.synonyms))
    names = []
    for one in objects:
        words = [noun.singular for noun in one.synonyms if called[noun.singular] == 1]
        names.append(words[0] if words else one.noun.singular)
    return names


def never_seen(model: CLIP, count: int, seen: bool = False) -> tuple[list[str], Tensor, Tensor]:
    """Return classes that are an object ON a color, none of which training ever showed, and images of them.

    Args:
        seen: the same objects on colors that training did show, as many of them.

    Returns:
        M names, (N, 3, H, W) uint8 pixels and (N,) labels.
    """
    scenes = Scenes(find_emoji(FIRST_WORDS), "test" if seen else "compositional", model.config.vision.image_size)
    scenes = Scenes(scenes.objects, scenes.split, scenes.size, kinds=("one",))
    colors = list(BACKGROUNDS)
    chosen: dict[tuple[str, str], int] = {}
    for rank, emoji in enumerate(scenes.objects):
        for c, color in enumerate(colors):
            # Two colors of each object are withheld; the two that come next in the list were shown.
            wanted = (c - rank) % len(colors) in ((2, 3) if seen else (0, 1))
            if wanted:
                chosen[emoji.noun.singular, color] = len(chosen)
    batch = scenes.batch(range(6 * count if seen else count))
    keys = [(scene.objects[0].noun.singular, scene.background) for scene in batch.scenes]
    rows = [row for row, key in enumerate(keys) if key in chosen][:count]
    names = [f"{noun} on {color}" for noun, color in chosen]
    return names, batch.pixels[rows], torch.tensor([chosen[keys[row]] for row in rows])


def families(objects: Sequence[Emoji], words: Sequence[str]) -> Tensor:
    """Return (M, K) bool: which of K words are true of each of M objects, by its nouns and synonyms."""
    nouns = [{noun.singular for noun in (one.noun, *one.synonyms)} for one in objects]
    return torch.tensor([[word in own for word in words] for own in nouns])


def keep(encoded: Encoded, rows: Tensor) -> Encoded:
    """Return some of the rows."""
    return replace(encoded, features=encoded.features[rows], labels=encoded.labels[rows], rows=encoded.rows[rows])
