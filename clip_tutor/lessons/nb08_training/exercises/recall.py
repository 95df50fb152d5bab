"""Exercise 08.5: the figure that says whether it worked."""

import torch

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe


def recall_at_k(similarity: torch.Tensor, k: int) -> float:
    """Return the fraction of captions that find their own image among the k most similar ones.

    similarity is (N, N): row i holds caption i's similarity to every image, and image i is its own.
    """
    best = similarity.topk(k, dim=1).indices  # (N, k)
    own = torch.arange(len(similarity), device=similarity.device)[:, None]  # (N, 1)
    return (best == own).any(dim=1).float().mean().item()


def _check_recall(recall: Attempt) -> str:
    table = torch.randn(12, 12, generator=torch.Generator().manual_seed(0)) + torch.eye(12)
    first = {k: recall(table, k) for k in (1, 3, 5)}
    demand(
        all(isinstance(value, (int, float)) or getattr(value, "shape", None) == () for value in first.values()),
        f"the result is {describe(first[1])}",
        "one number: a fraction of all captions",
    )
    demand(all(0 <= value <= 1 for value in first.values()), f"a recall of {float(first[5]):.4g}", "0 to 1")
    value = recall(torch.eye(4), 1)
    demand(value == 1, f"recall@1 is {float(value):.3f} where every caption likes its own image best", "1.0")
    table_of_three = torch.tensor([[0.9, 0.1, 0.0], [0.8, 0.5, 0.1], [0.7, 0.6, 0.5]])
    for k, right in ((1, 1 / 3), (2, 2 / 3), (3, 1.0)):
        value = float(recall(table_of_three, k))
        rows = " / ".join(" ".join(f"{cell:.1f}" for cell in row) for row in table_of_three.tolist())
        demand(abs(value - right) < 1e-4, f"recall@{k} is {value:.3f} for the rows {rows}", f"{right:.3f}")
    for k, value in first.items():
        right = recall_at_k(table, k)
        demand(abs(value - right) < 1e-4, f"recall@{k} is {float(value):.3f} for 12 captions", f"{right:.3f}")
    return "1 for a perfect table, a table of three by hand, and 12 captions at k = 1, 3, 5"


RECALL = Exercise(
    id="08.5",
    title="Recall at k",
    difficulty=2,
    minutes=10,
    reference=recall_at_k,
    check=_check_recall,
    hints=(
        "For one caption: which images are its k best, and is its own among them?",
        "`topk` along the images gives the k best columns of every row; row i's own image is column i.",
        "Compare `similarity.topk(k, dim=1).indices` (N, k) with `torch.arange(N)[:, None]` (N, 1); "
        "`.any(dim=1)` says who found theirs.",
    ),
    mutants=(
        Mutant(
            lambda s, k: recall_at_k(s.T, k),
            "that is recall the other way, images looking for captions: the rows are the captions, so use dim=1",
        ),
        Mutant(lambda s, k: recall_at_k(s, 1), "k is not used: only the very best image counts as found"),
        Mutant(lambda s, k: recall_at_k(s, min(k + 1, len(s))), "one place too many: k counts the places, from 1"),
        Mutant(lambda s, k: recall_at_k(s, max(k - 1, 1)), "one place too few: with k = 1 the best one counts already"),
        Mutant(lambda s, k: recall_at_k(-s, k), "the least similar were taken: sort from high to low"),
        Mutant(lambda s, k: 100 * recall_at_k(s, k), "a percentage: the fraction runs from 0 to 1"),
        Mutant(lambda s, k: round(len(s) * recall_at_k(s, k)), "the number of captions found: divide by N"),
        Mutant(
            lambda s, k: recall_at_k(s, k) / k,
            "divided by k: that is precision. One image is right for each caption, so count captions, not places",
        ),
    ),
    kept=True,
)
