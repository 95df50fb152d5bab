"""How much does a Flamingo learn from its prompt? Episodes answered, and what the right letters were worth.

    examples with their true letters       right in 70 of 100     the letters told
    the same images, letters at random     right in 50 of 100     what is left without them

The difference of the two, over the same episodes, is what the examples' letters have taught. A model that only picks
up which letters there are, or has a favorite among them, gains nothing by it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from clip_tutor.applications.flamingo.episodes import Attribute, EpisodeMaker, Labels
from clip_tutor.applications.flamingo.model import Flamingo
from clip_tutor.evaluation.featurizer.comparing import PairedDifference, paired_difference

TOGETHER = 100  # episodes that are read at once


@torch.no_grad()
def few_shot_hits(
    flamingo: Flamingo,
    features: Tensor,
    maker: EpisodeMaker,
    attributes: Sequence[Attribute],
    shots: int,
    count: int,
    seed: int = 0,
    labels: Labels = "true",
) -> Tensor:
    """Return (count,) bool: in which episodes the right one of the two letters is the likelier.

    With the same seed the episodes show the same images in the same order, whatever the labels.

    Args:
        features: (M, N, D_image), the places of the maker's scenes.
        maker, attributes, shots, labels: see `EpisodeMaker.episodes`.
    """
    batch = maker.episodes(attributes, shots, count, (seed,), labels)
    scenes = torch.from_numpy(batch.scenes)
    hits = []
    for start in range(0, count, TOGETHER):
        rows = slice(start, start + TOGETHER)
        choices = batch.choices[rows]  # (B, 2)
        logits = flamingo(features[scenes[rows]].float(), batch.token_ids[rows])[:, -1]  # (B, V)
        likelier = choices.gather(1, logits.gather(1, choices).argmax(dim=1, keepdim=True))[:, 0]  # (B,)
        hits.append(likelier == batch.answers[rows])
    return torch.cat(hits)


def shots_gain(
    flamingo: Flamingo,
    features: Tensor,
    maker: EpisodeMaker,
    attributes: Sequence[Attribute],
    shots: int = 4,
    count: int = 2000,
    seed: int = 0,
) -> PairedDifference:
    """Return how much more often an episode is answered right with the true letters than with permuted ones."""
    true, permuted = (
        few_shot_hits(flamingo, features, maker, attributes, shots, count, seed, labels)
        for labels in ("true", "permuted")
    )
    return paired_difference(true, permuted, seed)
