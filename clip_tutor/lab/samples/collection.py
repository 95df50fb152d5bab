"""The 2,000 images that the tour searches, chosen so that wishes come true. None of them was shown in training.

    a thousand portraits   each animal, dish, place, object, game and smiley of the vocabulary, large enough to see
    all about 12 favorites each of them tiny, plain and huge, and two, three and four of it, on ten colors
    pairs                  two everyday things side by side, until there are 2,000

They are test scenes. Drawn at random instead, 2,000 of 1,870 objects would hardly ever hold "three cats".
"""

import numpy as np
import torch

from clip_tutor.data.emoji import FIRST_WORDS, find_emoji, load_emoji
from clip_tutor.data.scenes import Batch, Scenes

FAVORITES = ("🍎", "⭐", "🍌", "🚀", "🐘", "🐧", "👻", "🎸", "🐶", "🐈", "🚗", "🍕")
PORTRAYED = {
    "Animals & Nature",
    "Food & Drink",
    "Travel & Places",
    "Objects",
    "Activities",
    "Smileys & Emotion",
}
COUNT = 2_000
LOOK_THROUGH = 160_000  # scenes: enough for one of each kind that is wanted


def collection(size: int = 64) -> Batch:
    """Return the images (2000, 3, size, size) as uint8, their captions, and the truth about each; always the same."""
    portraits, indices = _portraits(size)
    batches = [portraits.batch(indices)]
    everyday, indices = _everyday(size)
    batches.append(everyday.batch(indices[: COUNT - len(batches[0].captions)]))
    pixels, captions, scenes = zip(*batches, strict=True)
    return Batch(torch.cat(pixels), [*captions[0], *captions[1]], [*scenes[0], *scenes[1]])


def _portraits(size: int) -> tuple[Scenes, list[int]]:
    """Return the first scene that shows nothing but one such emoji, and not tiny."""
    emoji = load_emoji()
    scenes = Scenes(emoji, "test", size)
    plan = scenes.plan(range(LOOK_THROUGH))
    wanted = np.array([one.group in PORTRAYED for one in emoji])
    large = np.flatnonzero((plan.kind == 0) & (plan.size > 0) & wanted[plan.objects[:, 0]])
    return scenes, _earliest(plan.objects[large, 0], large)


def _everyday(size: int) -> tuple[Scenes, list[int]]:
    """Return the first scene of each size or number of each favorite on each color, and after these all pairs."""
    emoji = find_emoji([*FAVORITES, *(one for one in FIRST_WORDS if one not in FAVORITES)])
    scenes = Scenes(emoji, "test", size)
    plan = scenes.plan(range(LOOK_THROUGH))
    alone = np.flatnonzero((plan.kind < 2) & (plan.objects[:, 0] < len(FAVORITES)))
    truth = np.stack([plan.objects[:, 0], plan.number, plan.size, plan.background], axis=1)[alone]
    _, kinds = np.unique(truth, axis=0, return_inverse=True)
    return scenes, [*_earliest(kinds.ravel(), alone), *np.flatnonzero(plan.kind == 2).tolist()]


def _earliest(kinds: np.ndarray, indices: np.ndarray) -> list[int]:
    _, first = np.unique(kinds, return_index=True)
    return np.sort(indices[first]).tolist()
