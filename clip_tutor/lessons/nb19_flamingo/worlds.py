"""What notebook 19 shows to a language model: scenes of everyday things, with what an image tower found at each place."""

from dataclasses import dataclass

import torch
from torch import Tensor

from clip_tutor.applications.captioning.scene_captions import scene_captions
from clip_tutor.applications.flamingo import image_places
from clip_tutor.data.emoji import FIRST_WORDS, find_emoji
from clip_tutor.data.scenes import Scene, Scenes, Split
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer

SEED = 19  # of the scenes: others than those that CLIP was trained on
THINGS = 48
AT_ONCE = 250  # images that go through the tower together
SHOWN = 24  # images that are kept to be looked at


@dataclass(frozen=True)
class Part:
    """Scenes of one split."""

    places: Tensor  # (M, N, D), what the image tower found at each place of each image
    captions: list[str]
    scenes: list[Scene]
    pixels: Tensor  # (24, 3, H, W), of the first ones


def seen_by(clip: CLIP, split: Split, count: int) -> Part:
    """Return the first scenes of a split, with the places that CLIP's image tower gives them."""
    scenes = Scenes(find_emoji(FIRST_WORDS)[:THINGS], split, clip.config.vision.image_size, SEED)
    places, shown = [], torch.empty(0)
    for start in range(0, count, AT_ONCE):
        pixels = scenes.batch(range(start, min(start + AT_ONCE, count))).pixels
        places.append(image_places(clip.image_tower, clip.config.preprocessing.normalize(pixels)))
        shown = shown if start else pixels[:SHOWN]
    return Part(torch.cat(places), scene_captions(scenes, range(count)), scenes.scenes(range(count)), shown)


def interleaved(tokenizer: Tokenizer, captions: list[str], image_id: int) -> Tensor:
    """Return (M, T) ids: for each caption a mark, its tokens, an end token, and more of these up to the longest row."""
    rows = [[image_id, *tokenizer.encode(caption), tokenizer.end_id] for caption in captions]
    longest = max(map(len, rows))
    return torch.tensor([row + [tokenizer.end_id] * (longest - len(row)) for row in rows])
