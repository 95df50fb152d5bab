"""Exercises 09.3 and 09.4: choosing templates without the test set, and top-k where several labels are true."""

import torch
import torch.nn.functional as F

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same

# ---------------------------------------------------------------------------------------------------------------- 09.3


def choose_templates(
    prompts: torch.Tensor,
    validation_features: torch.Tensor,
    validation_labels: torch.Tensor,
    test_features: torch.Tensor,
    test_labels: torch.Tensor,
    most: int,
) -> tuple[list[int], float]:
    """Choose templates greedily, and return the chosen ones, in order, and what they are worth on the test set.

    prompts is (T, M, E): of each template, the unit vector of each class. Features are (N, E), labels (N,).
    At each step the template is added with which the ensemble is best; of several that are equally good, the first.
    It ends when ``most`` are chosen. The second result is the test accuracy of the chosen ensemble, from 0 to 1.
    """

    def accuracy(chosen: list[int], features: torch.Tensor, labels: torch.Tensor) -> float:
        weights = F.normalize(prompts[chosen].mean(dim=0), dim=-1)  # (M, E)
        return ((features @ weights.T).argmax(dim=1) == labels).float().mean().item()

    chosen: list[int] = []
    while len(chosen) < most:
        left = [t for t in range(len(prompts)) if t not in chosen]
        chosen.append(max(left, key=lambda t: accuracy([*chosen, t], validation_features, validation_labels)))
    return chosen, accuracy(chosen, test_features, test_labels)


World = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


def made_up(seed: int, templates: int = 6, classes: int = 6, images: int = 60) -> World:
    """Return prompts, validation and test of a made-up world in which templates differ in what they are worth."""
    generator = torch.Generator().manual_seed(seed)
    truth = torch.randn(classes, 8, generator=generator)
    strength = torch.linspace(0.6, 1.6, templates)[torch.randperm(templates, generator=generator)]
    noise = torch.randn(templates, classes, 8, generator=generator)
    prompts = F.normalize(truth + strength[:, None, None] * noise, dim=-1)

    def split() -> tuple[torch.Tensor, torch.Tensor]:
        labels = torch.randint(classes, (images,), generator=generator)
        features = truth[labels] + 0.9 * torch.randn(images, 8, generator=generator)
        return F.normalize(features, dim=-1), labels

    return prompts, *split(), *split()


SEEDS, MOST = (26, 40, 52), 3  # worlds in which every known mistake chooses or measures something else


def _check_choosing(answer: Attempt) -> str:
    for seed in SEEDS:
        world = made_up(seed)
        found, (chosen, accuracy) = answer(*world, MOST), choose_templates(*world, MOST)
        demand(
            isinstance(found, tuple) and len(found) == 2,
            describe(found),
            "two results: the list of chosen templates and the accuracy on the test set",
        )
        demand(
            list(found[0]) == chosen,
            f"templates {list(found[0])}",
            f"templates {chosen}, chosen one after the other on the validation split",
        )
        demand(
            same(float(found[1]), accuracy),
            f"an accuracy of {float(found[1]):.4f}",
            f"{accuracy:.4f}, measured on the test set",
        )
    every = made_up(1, templates=4)
    found = answer(*every, 4)
    demand(sorted(found[0]) == [0, 1, 2, 3], f"templates {found[0]} of four", "each of them once")
    return "a greedy choice on the validation split alone, and one look at the test set"


def _by(prompts, features, labels, chosen, normalize=True):  # type: ignore[no-untyped-def]
    weights = prompts[chosen].mean(dim=0)
    weights = F.normalize(weights, dim=-1) if normalize else weights
    return ((features @ weights.T).argmax(dim=1) == labels).float().mean().item()


def _greedy(prompts, features, labels, most, normalize=True):  # type: ignore[no-untyped-def]
    chosen = []  # type: ignore[var-annotated]
    while len(chosen) < most:
        left = [t for t in range(len(prompts)) if t not in chosen]
        chosen.append(max(left, key=lambda t: _by(prompts, features, labels, [*chosen, t], normalize)))
    return chosen


def _chosen_on_test(prompts, val, val_labels, test, test_labels, most):  # type: ignore[no-untyped-def]
    chosen = _greedy(prompts, test, test_labels, most)
    return chosen, _by(prompts, test, test_labels, chosen)


def _measured_on_validation(prompts, val, val_labels, test, test_labels, most):  # type: ignore[no-untyped-def]
    chosen = _greedy(prompts, val, val_labels, most)
    return chosen, _by(prompts, val, val_labels, chosen)


def _best_alone(prompts, val, val_labels, test, test_labels, most):  # type: ignore[no-untyped-def]
    order = sorted(range(len(prompts)), key=lambda t: -_by(prompts, val, val_labels, [t]))[:most]
    return order, _by(prompts, test, test_labels, order)


def _not_normalized(prompts, val, val_labels, test, test_labels, most):  # type: ignore[no-untyped-def]
    chosen = _greedy(prompts, val, val_labels, most, normalize=False)
    return chosen, _by(prompts, test, test_labels, chosen, normalize=False)


def _both_splits(prompts, val, val_labels, test, test_labels, most):  # type: ignore[no-untyped-def]
    chosen = _greedy(prompts, torch.cat([val, test]), torch.cat([val_labels, test_labels]), most)
    return chosen, _by(prompts, test, test_labels, chosen)


def _with_repetition(prompts, val, val_labels, test, test_labels, most):  # type: ignore[no-untyped-def]
    chosen = []  # type: ignore[var-annotated]
    while len(chosen) < most:
        chosen.append(max(range(len(prompts)), key=lambda t: _by(prompts, val, val_labels, [*chosen, t])))
    return chosen, _by(prompts, test, test_labels, chosen)


CHOOSING = Exercise(
    id="09.3",
    title="Choose templates, and leave the test set alone",
    difficulty=3,
    minutes=15,
    reference=choose_templates,
    check=_check_choosing,
    hints=(
        "Write a helper first: the accuracy of a list of templates on some features and labels. It takes the mean of "
        "prompts[list] over the templates, normalized again.",
        "Greedy: try each template that is left together with those that are chosen already, and keep the best. "
        "`max(left, key=…)` returns the first of several that are equally good.",
        "Which of the two splits may the loop look at? The other one is used once, on the last line.",
    ),
    mutants=(
        Mutant(
            _chosen_on_test,
            "the templates were chosen by what they do on the TEST set: its accuracy then says how well you chose, and "
            "no longer how well the classifier does on new images",
        ),
        Mutant(_both_splits, "the choice has looked at the test set, too, and it may not see it at all"),
        Mutant(
            _measured_on_validation,
            "the accuracy is that of the validation split, on which the templates were chosen to look good",
        ),
        Mutant(
            _best_alone,
            "these are the best templates by themselves: greedy means best TOGETHER with those that are there already",
        ),
        Mutant(_not_normalized, "the mean over the templates was not normalized: see 09.2"),
        Mutant(_with_repetition, "a template was chosen twice: try only those that are left"),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 09.4


def top_k_accuracy(logits: torch.Tensor, truth: torch.Tensor, k: int) -> float:
    """Return the share of images for which one of the k likeliest labels is true.

    logits is (N, M). truth is (N, M) of bools: any number of labels may be true of an image.
    An image of which no label is true is left out. k may be larger than M.
    """
    k = min(k, logits.shape[1])
    best = logits.topk(k, dim=1).indices  # (N, k)
    hits = truth.gather(1, best).any(dim=1)  # (N,)
    return hits[truth.any(dim=1)].float().mean().item()


def _check_top_k(answer: Attempt) -> str:
    order = [[1, 3, 2, 0], [0, 2, 3, 1], [3, 0, 1, 2], [0, 3, 1, 2], [0, 3, 1, 2], [0, 1, 3, 2]]
    logits = torch.tensor(order).float()
    truth = torch.tensor([[0, 0, 1, 1], [0, 1, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0], [1, 1, 0, 0], [0, 1, 0, 1]]).bool()
    for k in (2, 1, 3, 4, 9):  # with 2, every known mistake gives a number of its own
        found, right = answer(logits, truth, k), top_k_accuracy(logits, truth, k)
        demand(
            isinstance(found, float | torch.Tensor) and same(float(found), right),
            f"{describe(found)} for k = {k}",
            f"{right:.4f}",
        )
    return "an image counts as found with any of its true labels, and one without any is left out"


def _every_label(logits, truth, k):  # type: ignore[no-untyped-def]
    best = F.one_hot(logits.topk(min(k, logits.shape[1]), dim=1).indices, logits.shape[1]).sum(dim=1).bool()
    hits = (best | ~truth).all(dim=1)
    return hits[truth.any(dim=1)].float().mean().item()


def _first_label(logits, truth, k):  # type: ignore[no-untyped-def]
    best = logits.topk(min(k, logits.shape[1]), dim=1).indices
    hits = (best == truth.float().argmax(dim=1)[:, None]).any(dim=1)
    return hits[truth.any(dim=1)].float().mean().item()


def _precision(logits, truth, k):  # type: ignore[no-untyped-def]
    best = logits.topk(min(k, logits.shape[1]), dim=1).indices
    return truth.gather(1, best)[truth.any(dim=1)].float().mean().item()


def _recall(logits, truth, k):  # type: ignore[no-untyped-def]
    best = logits.topk(min(k, logits.shape[1]), dim=1).indices
    return (truth.gather(1, best).sum() / truth.sum()).item()


def _with_empty(logits, truth, k):  # type: ignore[no-untyped-def]
    best = logits.topk(min(k, logits.shape[1]), dim=1).indices
    return truth.gather(1, best).any(dim=1).float().mean().item()


TOP_K = Exercise(
    id="09.4",
    title="Top-k where several labels are true",
    difficulty=2,
    minutes=10,
    kind="further",
    reference=top_k_accuracy,
    check=_check_top_k,
    hints=(
        "For each image: the k places with the largest logits. At these places, what does truth say?",
        "`truth.gather(1, places)` reads from each row the entries at its own places; `any(dim=1)` wants one at least.",
        "Rows in which nothing is true: `truth.any(dim=1)` picks the others. And topk refuses a k above M.",
    ),
    mutants=(
        Mutant(_every_label, "ALL true labels were asked for: one among the k likeliest is enough"),
        Mutant(_first_label, "only the first true label of each image was looked for: argmax knows no other"),
        Mutant(_precision, "this counts labels, the share of the k that are true: count images"),
        Mutant(_recall, "this counts labels: the share of the true ones that were found. Count images"),
        Mutant(_with_empty, "images of which no label is true were counted as missed: leave them out"),
    ),
)
