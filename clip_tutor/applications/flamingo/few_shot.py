"""How much does a Flamingo learn from its prompt? Episodes answered, and what the right letters were worth.

    examples with their true letters       right in 70 of 100     the letters told
    the same images, letters at random     right in 50 of 100     what is left without them

The difference of the two, over the same episodes, is what the examples' letters have taught. A model that only picks
up which letters there are, or has a favorite among them, gains nothing by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from clip_tutor.applications.flamingo.episodes import Attribute, EpisodeMaker, Episodes, Labels
from clip_tutor.applications.flamingo.model import Flamingo
from clip_tutor.evaluation.featurizer.comparing import PairedDifference, paired_difference

TOGETHER = 100  # episodes that are read at once


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
    return _answers(flamingo, features, batch) == batch.answers


@torch.no_grad()
def _answers(flamingo: Flamingo, features: Tensor, batch: Episodes) -> Tensor:
    """Return (B,): the likelier letter of each episode."""
    scenes = torch.from_numpy(batch.scenes)
    found = []
    for start in range(0, len(scenes), TOGETHER):
        rows = slice(start, start + TOGETHER)
        choices = batch.choices[rows]  # (B, 2)
        logits = flamingo(features[scenes[rows]].float(), batch.token_ids[rows])[:, -1]  # (B, V)
        found.append(choices.gather(1, logits.gather(1, choices).argmax(dim=1, keepdim=True))[:, 0])  # (B,)
    return torch.cat(found)


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


class OrderEffect(NamedTuple):
    """How much depends on the order of the same examples, which tells nothing."""

    changed: float  # share of the episodes that are answered with both letters, in one order and in another
    right_last: float  # share that is answered right where the last example has the letter asked for
    wrong_last: float  # and where it has the other one


def order_effect(
    flamingo: Flamingo,
    features: Tensor,
    maker: EpisodeMaker,
    attributes: Sequence[Attribute],
    shots: int = 4,
    count: int = 1000,
    orders: int = 4,
    seed: int = 0,
) -> OrderEffect:
    """Return what becomes of the answers when the examples of each episode change places.

    Args:
        orders: so many, drawn at random, the same for all episodes.

    Source: Lu et al. 2022, "Fantastically Ordered Prompts and Where to Find Them".
    """
    batch = maker.episodes(attributes, shots, count, (seed,))
    random = torch.Generator().manual_seed(seed)
    answers, right, last = [], [], []
    for _ in range(orders):
        order = torch.randperm(shots, generator=random)
        prompts = batch.token_ids[:, :-1].unflatten(1, (shots, 3))[:, order].flatten(1)  # (B, 3 · S)
        told = batch._replace(
            scenes=batch.scenes[:, [*order.tolist(), shots]],
            token_ids=torch.cat([prompts, batch.token_ids[:, -1:]], dim=1),
        )
        answers.append(_answers(flamingo, features, told))
        right.append(answers[-1] == batch.answers)
        last.append(prompts[:, -2] == batch.answers)
    hits, with_right_last = torch.cat(right).float(), torch.cat(last)
    changed = torch.stack(answers).ne(answers[0]).any(dim=0).float().mean().item()
    return OrderEffect(changed, hits[with_right_last].mean().item(), hits[~with_right_last].mean().item())
