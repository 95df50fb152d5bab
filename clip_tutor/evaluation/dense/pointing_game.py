"""The pointing game: "a cat", and a model that points at the one patch that is most like these words.

    a cat to the left of a car      "a cat"  ─▶ ■ ·  a hit, if the patch's center lies in the box around the cat
                                    "a car"  ─▶ · ■  likewise

Only pairs are asked about: with a single object, whoever finds any object at all finds the right one. `Pointing.chance`
is what pointing anywhere would give. Objects stand out from a plain background, so a tower with random weights finds
them, too; but not which is which, and it points at the other one about as often: `Pointing.mixed_up`.

Source: Zhang et al. 2016 (Excitation Backprop), where the strongest pixel of a map points; here a patch.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from clip_tutor.data.captions import singular
from clip_tutor.data.places import boxes
from clip_tutor.data.scenes import Scenes
from clip_tutor.embedding import encode_texts
from clip_tutor.evaluation.dense.features import as_grid, joint_patch_features
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer


class Pointing(NamedTuple):
    """What came of the questions, two for each pair."""

    hits: Tensor  # (B, 2) bool: the first and the second object of each scene
    others: Tensor  # (B, 2) bool: the patch lies on the other object
    chance: float  # the share of hits of one who points at any patch

    @property
    def accuracy(self) -> float:
        """The share of questions that were answered right."""
        return self.hits.float().mean().item()

    @property
    def mixed_up(self) -> float:
        """The share of questions that were answered with the other object."""
        return self.others.float().mean().item()


def pointing(model: CLIP, tokenizer: Tokenizer, scenes: Scenes, count: int = 500) -> Pointing:
    """Return how often the patch that is most like an object's name lies on that object.

    Args:
        scenes: of the size that the model reads, with ``kinds=("pair",)``.
        count: how many of them.

    Raises:
        ValueError: a scene does not show two objects; see also `joint_patch_features`.
    """
    plan = scenes.plan(range(count))
    if (plan.kind != 2).any():
        raise ValueError('only pairs can tell what a model points at: make the scenes with kinds=("pair",)')
    corners, objects = (column[:, :2].contiguous() for column in boxes(scenes, plan))  # (B, 2, 4), (B, 2)
    patches = joint_patch_features(model, scenes.show(plan, range(count)).pixels)  # (B, N, E)
    shown = objects.unique()
    texts = encode_texts(model, tokenizer, [singular(scenes.objects[row].noun) for row in shown.tolist()])
    asked = texts[torch.searchsorted(shown, objects)]  # (B, 2, E)
    found = (asked @ patches.transpose(1, 2)).argmax(dim=2, keepdim=True)  # (B, 2, 1)
    inside = centers_inside(corners, as_grid(patches).shape[1])  # (B, 2, N)
    hits, others = (boxes_in.gather(2, found)[..., 0] for boxes_in in (inside, inside.flip(1)))  # (B, 2) each
    return Pointing(hits, others, inside.float().mean().item())


def centers_inside(corners: Tensor, side: int) -> Tensor:
    """Return (..., N) bool: which of side · side patches have their center inside a box.

    Args:
        corners: (..., 4) left, top, right, bottom as shares of the image's side.
    """
    center = (torch.arange(side) + 0.5) / side
    left, top, right, bottom = (edge[..., None] for edge in corners.unbind(dim=-1))  # each (..., 1)
    across, down = (left < center) & (center < right), (top < center) & (center < bottom)  # (..., side)
    return (down[..., :, None] & across[..., None, :]).flatten(-2)
