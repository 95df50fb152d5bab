"""What notebook 19 shows to a language model: scenes of everyday things, as an image tower finds them."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clip_tutor.applications.captioning.scene_captions import scene_captions
from clip_tutor.applications.flamingo import LoadedFlamingo, answer_log_likelihoods, image_places
from clip_tutor.applications.flamingo.episodes import Attribute, EpisodeMaker, Episodes, Labels
from clip_tutor.data.emoji import FIRST_WORDS, find_emoji
from clip_tutor.data.scenes import Scene, Scenes, Split
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer

SEED = 19  # of the scenes: others than those that CLIP was trained on
THINGS = 48
AT_ONCE = 250  # images that go through the tower together
SHOWN = 24  # images that are kept to be looked at
UNSEEN = 10_000  # scenes that episodes are made of; only those that are shown are drawn


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


class Examiner:
    """Asks a Flamingo about unseen scenes; a scene is drawn and goes through the tower when it is first shown.

    Args:
        kit: the Flamingo, with its image tower.
    """

    def __init__(self, kit: LoadedFlamingo) -> None:
        self.kit = kit
        self.scenes = Scenes(find_emoji(FIRST_WORDS), "test", kit.image_tower.config.image_size, SEED)  # type: ignore[union-attr, arg-type]
        self.maker = EpisodeMaker(self.scenes, UNSEEN, kit.tokenizer, kit.flamingo.image_id)
        self._places: dict[int, Tensor] = {}

    def episodes(self, attribute: Attribute, shots: int, count: int, labels: Labels = "true") -> Episodes:
        """Return ``count`` episodes about an attribute; the same images whatever the labels."""
        return self.maker.episodes([attribute], shots, count, (0,), labels)

    def places(self, scenes: NDArray[np.int64]) -> Tensor:
        """Return (B, S + 1, N, D), what the tower finds in these scenes (B, S + 1)."""
        new = [index for index in np.unique(scenes).tolist() if index not in self._places]
        for start in range(0, len(new), AT_ONCE):
            piece = new[start : start + AT_ONCE]
            pixels = self.scenes.batch(piece).pixels
            found = image_places(self.kit.image_tower, self.kit.preprocessing.normalize(pixels))
            self._places |= dict(zip(piece, found, strict=True))
        return torch.stack([self._places[index] for index in scenes.ravel().tolist()]).unflatten(0, scenes.shape)

    def probabilities(self, places: Tensor, token_ids: Tensor, choices: Tensor) -> Tensor:
        """Return (B, 2): how probable each of an episode's two letters is, among the two.

        Args:
            places: (B, S + 1, N, D).
            token_ids: (B, T), the prompts.
            choices: (B, 2), the letters, as ids.
        """
        letters = choices[0].sort().values  # the same two in every episode
        logs = answer_log_likelihoods(self.kit.flamingo, places, token_ids, letters[:, None].tolist())  # (B, 2)
        return logs.softmax(dim=1).gather(1, (choices[..., None] == letters).int().argmax(dim=2))
