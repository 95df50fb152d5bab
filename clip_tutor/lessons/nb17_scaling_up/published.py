"""Eleven published models: what was spent on each, and how often each is wrong.

Source: ``zeroshot_results.csv`` of LAION-AI/scaling-laws-openclip, the repository of Cherti et al. 2023. Compute is the
multiply-adds for a pair, in billions, times the pairs seen. Accuracy: zero-shot on ImageNet. Recall: recall@5 of images
on COCO.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Published(NamedTuple):
    """One model."""

    compute: float
    accuracy: float
    recall: float


LAION = {
    "B/32, 13 billion pairs": Published(9.62e10, 0.62526, 0.61663),
    "B/16, 3 billion pairs": Published(5.266e10, 0.61822, 0.61084),
    "B/16, 13 billion pairs": Published(2.6812e11, 0.68134, 0.66110),
    "L/14, 3 billion pairs": Published(2.2459e11, 0.68928, 0.66206),
    "L/14, 13 billion pairs": Published(1.12294e12, 0.73096, 0.69156),
    "L/14, 34 billion pairs": Published(2.80736e12, 0.75202, 0.71080),
    "g/14, 13 billion pairs": Published(3.5494e12, 0.76664, 0.72399),
    "H/14, 34 billion pairs": Published(6.63151e12, 0.77972, 0.73431),
}
OPENAI = {
    "B/32": Published(9.472e10, 0.63334, 0.55846),
    "B/16": Published(2.63296e11, 0.68352, 0.58369),
    "L/14": Published(1.122944e12, 0.75490, 0.61084),
}


def errors() -> dict[str, tuple[Tensor, Tensor]]:
    """Return compute and error, (n,) each, of the models trained on LAION-2B and of OpenAI's, on both tasks."""
    found = {}
    for who, table in (("LAION-2B", LAION), ("OpenAI", OPENAI)):
        compute, accuracy, recall = torch.tensor(list(table.values()), dtype=torch.float64).T  # (n,) each
        found[f"{who}, ImageNet"] = compute, 1 - accuracy
        found[f"{who}, COCO"] = compute, 1 - recall
    return found
