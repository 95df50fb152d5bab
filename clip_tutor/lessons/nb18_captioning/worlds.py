"""What notebook 18 captions: scenes with their vectors, in a small world to train on and in the whole one."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from clip_tutor.applications.captioning.scene_captions import encode_scenes, scene_captions
from clip_tutor.data.drawing import BACKGROUNDS
from clip_tutor.data.emoji import FIRST_WORDS, Emoji, load_emoji
from clip_tutor.data.scenes import Scene, Scenes, Split
from clip_tutor.embedding import encode_texts
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer

SEED = 18  # of the scenes: others than those that CLIP was trained on
SHOWN = 24  # images that are kept to be looked at


@dataclass(frozen=True)
class Part:
    """Scenes of one split, encoded."""

    features: Tensor  # (M, E) unit vectors
    captions: list[str]
    scenes: list[Scene]
    pixels: Tensor  # (24, 3, H, W), of the first ones


def everyday_objects(count: int = 48) -> list[Emoji]:
    """Return the first everyday objects of the vocabulary: cat, dog, horse, …"""
    return [emoji for emoji in load_emoji() if emoji.character in FIRST_WORDS][:count]


def encoded(clip: CLIP, objects: Sequence[Emoji], split: Split, count: int) -> Part:
    """Return the first scenes of a split, with the vectors that CLIP gives them."""
    scenes = Scenes(objects, split, clip.config.vision.image_size, SEED)
    indices = range(count)
    features = encode_scenes(clip, scenes, count).float()
    shown = scenes.batch(range(min(SHOWN, count))).pixels
    return Part(features, scene_captions(scenes, indices), scenes.scenes(indices), shown)


def background_directions(clip: CLIP, tokenizer: Tokenizer) -> dict[str, Tensor]:
    """Return for each color the direction (E,) from the mean of all twelve backgrounds to it, made of captions only."""
    captions = [f"an image on a {color} background" for color in BACKGROUNDS]
    vectors = encode_texts(clip, tokenizer, captions)  # (12, E)
    return dict(zip(BACKGROUNDS, vectors - vectors.mean(dim=0), strict=True))


def mixed(first: Tensor, second: Tensor, weights: Tensor) -> Tensor:
    """Return (B, E): on the way from one vector (E,) to another, at B weights from 0 to 1."""
    return torch.lerp(first, second, weights[:, None])
