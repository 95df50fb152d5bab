"""Exercises of notebook 08, training: the loss, the schedule, and the figure that says whether it worked."""

import math

import torch
import torch.nn.functional as F

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same

# ---------------------------------------------------------------------------------------------------------------- 08.1


def contrastive_loss(
    image_features: torch.Tensor, text_features: torch.Tensor, logit_scale: torch.Tensor
) -> torch.Tensor:
    """Return the symmetric contrastive loss of B pairs, a scalar.

    image_features and text_features are (B, E), rows of unit length, row i belonging to row i.
    logit_scale is a positive scalar, 1 / temperature: multiply by it.
    """
    logits = logit_scale * image_features @ text_features.T  # (B, B)
    right = torch.arange(len(logits), device=logits.device)  # caption i is the right one for image i
    image_to_text = F.cross_entropy(logits, right)
    text_to_image = F.cross_entropy(logits.T, right)
    return (image_to_text + text_to_image) / 2


def _pairs(B: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    images = F.normalize(torch.randn(B, 8, generator=random), dim=-1)
    texts = F.normalize(images + torch.randn(B, 8, generator=random) / 2, dim=-1)
    return images, texts


def _check_loss(loss: Attempt) -> str:
    images, texts = _pairs(5, seed=0)
    scale = torch.tensor(7.0)
    value = loss(images.requires_grad_(), texts.requires_grad_(), scale)
    demand(
        isinstance(value, torch.Tensor) and value.shape == (),
        f"the result is {describe(value)}",
        "a tensor that holds one number",
        "the loss is averaged over the batch, and stays a tensor",
    )
    demand(
        value.requires_grad,
        "the result does not remember where it came from",
        "a loss that .backward() can be called on",
        ".item(), .detach(), float() and torch.no_grad() cut the way back to the weights",
    )
    images, texts = _pairs(6, seed=1)
    right = contrastive_loss(images, texts, scale)
    value, swapped = loss(images, texts, scale), loss(texts, images, scale)
    demand(
        same(value, swapped),
        f"{value:.4f}, but {swapped:.4f} once images and captions change places",
        "the same: the two directions count alike",
        "rows ask which caption belongs to an image, columns which image belongs to a caption",
    )
    blind = F.normalize(torch.ones(4, 8), dim=-1)
    value = loss(blind, blind, scale)
    demand(
        same(value, torch.tensor(math.log(4))),
        f"{value:.4f} for four pairs that all look the same",
        f"ln 4 = {math.log(4):.4f}, the price of guessing among four",
    )
    value = loss(images, texts, scale)
    demand(same(value, right), f"a loss of {value:.4f} for six pairs", f"{right:.4f}")
    for seed in range(2, 5):
        images, texts = _pairs(3 + seed, seed)
        scale = torch.tensor(3.0 * seed)
        value, right = loss(images, texts, scale), contrastive_loss(images, texts, scale)
        demand(same(value, right), f"{value:.4f} at logit_scale {scale:.0f}", f"{right:.4f}")
    return "one number with a way back, both directions alike, ln N for guessing, equal to the library's on 5 batches"


def _one_direction(i, t, s):  # type: ignore[no-untyped-def]  # the mutants take what their exercise takes
    return F.cross_entropy(s * i @ t.T, torch.arange(len(i)))


def _softmax_twice(i, t, s):  # type: ignore[no-untyped-def]
    right, logits = torch.arange(len(i)), s * i @ t.T
    return (F.cross_entropy(logits.softmax(-1), right) + F.cross_entropy(logits.T.softmax(-1), right)) / 2


def _mean_of_all(i, t, s):  # type: ignore[no-untyped-def]
    logits = s * i @ t.T
    return -(logits.log_softmax(0) + logits.log_softmax(1)).mean() / 2


def _first_is_right(i, t, s):  # type: ignore[no-untyped-def]
    right, logits = torch.zeros(len(i), dtype=torch.long), s * i @ t.T
    return (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2


LOSS = Exercise(
    id="08.1",
    title="The contrastive loss",
    difficulty=2,
    minutes=10,
    reference=contrastive_loss,
    check=_check_loss,
    hints=(
        "Make the table of all B × B similarities first. On which cells do the right answers lie?",
        "Each row is a question with B possible answers: that is a cross-entropy, and the right class of row i is i. "
        "Then ask the columns too, and take the mean of both.",
        "`F.cross_entropy(logits, right)` with `right = torch.arange(B)` gives one direction; `logits.T` the other.",
    ),
    mutants=(
        Mutant(_one_direction, "only the rows were asked: logits.T gives the other direction, from words to images"),
        Mutant(lambda i, t, s: _one_direction(t, i, s), "only the columns were asked: each image chooses, too"),
        Mutant(
            lambda i, t, s: contrastive_loss(i, t, 1 / s),
            "divided by logit_scale: it is 1 / temperature already, so it multiplies",
        ),
        Mutant(
            lambda i, t, s: contrastive_loss(i, t, s.exp()),
            "took exp of logit_scale: the model keeps a logarithm, but what the loss is given is no logarithm any more",
        ),
        Mutant(
            lambda i, t, s: contrastive_loss(i, t, torch.ones(())),
            "logit_scale is not used: without it cosines lie between -1 and 1, far too close for a softmax",
        ),
        Mutant(
            lambda i, t, s: 2 * contrastive_loss(i, t, s), "the two directions were added up: the loss is their mean"
        ),
        Mutant(
            lambda i, t, s: len(i) * contrastive_loss(i, t, s),
            "summed over the batch: take the mean, or the loss grows with the batch size",
        ),
        Mutant(_softmax_twice, "softmax twice: F.cross_entropy takes the logits themselves and applies it inside"),
        Mutant(_mean_of_all, "averaged over all B × B cells: only the diagonal holds the right answers"),
        Mutant(_first_is_right, "every row was told that class 0 is right: the right class of row i is i"),
        Mutant(
            lambda i, t, s: contrastive_loss(i, t, s).item(),
            "a plain number has no gradient: leave .item() to the line that prints the loss",
        ),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 08.2


def learning_rate(step: int, total_steps: int, warmup_steps: int, peak: float) -> float:
    """Return the learning rate of a step, counted from 0.

    It rises in a straight line from peak / warmup_steps at step 0 to peak at step warmup_steps - 1.
    From step warmup_steps on it falls along half a cosine, which starts at peak and would be 0 at step total_steps.
    """
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    progress = (step - warmup_steps) / (total_steps - warmup_steps)  # 0 after warm-up, 1 at the end
    return peak * (1 + math.cos(math.pi * progress)) / 2


def _check_rate(rate: Attempt) -> str:
    total, warmup, peak = 110, 10, 2.0
    values = [rate(step, total, warmup, peak) for step in range(total + 1)]
    demand(
        all(isinstance(value, (int, float)) for value in values),
        f"the rate of step 0 is {describe(values[0])}, of step {total} {describe(values[-1])}",
        "a float for every step",
    )
    demand(
        values[0] > 0,
        f"rate {values[0]:.4g} at step 0",
        f"{peak / warmup:.4g}: the first step learns already",
        "steps count from 0, and the first of them is one part of warmup_steps up the ramp",
    )
    demand(min(values) >= -1e-9, f"a rate of {min(values):.4g}", "no rate below 0: that would climb the loss")
    landmarks = {0: "the first step", warmup - 1: "the end of warm-up", warmup: "the start of the cosine",
                 (total + warmup) // 2: "half of the cosine", total: "the end"}  # fmt: skip
    for step, name in landmarks.items():
        right = learning_rate(step, total, warmup, peak)
        demand(
            math.isclose(values[step], right, abs_tol=1e-6),
            f"rate {values[step]:.4g} at step {step} of {total} ({name})",
            f"{right:.4g}, with warmup_steps = {warmup} and peak = {peak}",
        )
    for step, total, warmup, peak in ((3, 40, 5, 1e-3), (17, 40, 5, 1e-3), (31, 33, 1, 5e-4), (400, 1000, 200, 0.1)):
        value, right = rate(step, total, warmup, peak), learning_rate(step, total, warmup, peak)
        demand(
            math.isclose(value, right, rel_tol=1e-4, abs_tol=1e-9),
            f"rate {value:.4g} for learning_rate({step}, {total}, {warmup}, {peak})",
            f"{right:.4g}",
        )
    return "learns from step 0 on, meets the peak without a jump, is at half of it halfway down, ends at 0"


def _with_cosine(fall, rise=lambda step, warmup: (step + 1) / warmup):  # type: ignore[no-untyped-def]
    """Return a schedule with another fall, or another rise, than the right ones."""

    def rate(step, total, warmup, peak):  # type: ignore[no-untyped-def]
        if step < warmup:
            return peak * rise(step, warmup)
        return peak * fall((step - warmup) / (total - warmup))

    return rate


def _half_cosine(progress: float) -> float:
    return (1 + math.cos(math.pi * progress)) / 2


RATE = Exercise(
    id="08.2",
    title="The learning rate",
    difficulty=1,
    minutes=8,
    reference=learning_rate,
    check=_check_rate,
    hints=(
        "Draw the two parts on paper: a ramp, then half a cosine. At which step does each begin and end?",
        "On the ramp, which fraction of the peak has step 0? Then call the way down `progress`: 0 where the cosine "
        "begins, 1 where it ends.",
        "`math.cos(math.pi * progress)` runs from 1 to -1; add 1, halve, multiply by the peak.",
    ),
    mutants=(
        Mutant(
            _with_cosine(_half_cosine, rise=lambda step, warmup: step / warmup),
            "step / warmup_steps is 0 at step 0: the first batch would teach nothing. Steps count from 0, so add 1",
        ),
        Mutant(
            _with_cosine(_half_cosine, rise=lambda step, warmup: (step + 1) / (warmup + 1)),
            "the ramp is one step too long: step warmup_steps - 1 is its last, and stands at the peak",
        ),
        Mutant(_with_cosine(_half_cosine, rise=lambda step, warmup: 1.0), "no warm-up: the rate starts at its peak"),
        Mutant(
            lambda step, total, warmup, peak: (
                peak * (step + 1) / warmup if step < warmup else peak * _half_cosine(step / total)
            ),
            "the cosine is counted from step 0, so the rate jumps where warm-up ends: count it from warmup_steps",
        ),
        Mutant(
            _with_cosine(lambda progress: math.cos(math.pi * progress)),
            "a cosine from 1 to -1 turns negative halfway: add 1 and halve, so that it runs from 1 to 0",
        ),
        Mutant(
            _with_cosine(lambda progress: (1 + math.cos(progress)) / 2),
            "math.cos counts in radians: without π it covers a third of the way down and never gets to 0",
        ),
        Mutant(
            _with_cosine(lambda progress: math.cos(math.pi / 2 * progress)),
            "a quarter of the cosine's wave, not half of it: it ends at full slope instead of landing softly",
        ),
        Mutant(_with_cosine(lambda progress: 1 - progress), "a straight line down meets half a cosine only halfway"),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 08.3


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
    id="08.3",
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
)

EXERCISES = (LOSS, RATE, RECALL)
