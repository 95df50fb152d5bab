"""Exercise 14.4: the probe without scikit-learn, its loss written out and minimized with L-BFGS."""

import torch
import torch.nn.functional as F

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe
from clip_tutor.lessons.nb14_featurizer.exercises.checks import overlapping


def fit_logistic(
    features: torch.Tensor, labels: torch.Tensor, l2: float, classes: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return weights (M, D) and biases (M,) in float64 that minimize the loss of a linear probe.

    The loss is the SUM over all N images of -log p(label), plus half of l2 times the sum of all squared weights; the
    biases are free. p is the softmax of features @ weights.T + biases.
    features is (N, D), labels (N,); M is `classes`. Without scikit-learn: torch.optim.LBFGS, until nothing moves.
    """
    x = features.double()
    weight = torch.zeros(classes, x.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(classes, dtype=torch.float64, requires_grad=True)
    solver = torch.optim.LBFGS([weight, bias], max_iter=1000, tolerance_grad=1e-8, line_search_fn="strong_wolfe")

    def cost() -> torch.Tensor:
        solver.zero_grad()
        loss = F.cross_entropy(x @ weight.T + bias, labels, reduction="sum") + l2 / 2 * weight.square().sum()
        loss.backward()
        return loss

    solver.step(cost)
    return weight.detach(), bias.detach()


def _check(answer: Attempt) -> str:
    for counts, seed, l2 in (((10, 14, 8), 0, 2.0), ((20, 5, 9, 12), 1, 0.3)):
        features, labels = overlapping(counts, seed)
        found, right = answer(features, labels, l2, len(counts)), fit_logistic(features, labels, l2, len(counts))
        demand(
            isinstance(found, tuple) and len(found) == 2 and all(isinstance(each, torch.Tensor) for each in found),
            describe(found),
            "two tensors, weights and biases",
        )
        shapes, wanted = ([tuple(each.shape) for each in pair] for pair in (found, right))
        demand(shapes == wanted, f"weights {shapes[0]}, biases {shapes[1]}", f"{wanted[0]} and {wanted[1]}")
        logits = [features.double() @ weight.detach().double().T + bias.detach() for weight, bias in (found, right)]
        off = (logits[0].softmax(dim=1) - logits[1].softmax(dim=1)).abs().max().item()
        demand(
            off < 1e-3,
            f"with λ = {l2:g}, a probability is off by {off:.3f}",
            "the probabilities at the lowest point of the loss, right to 0.001",
        )
    return "the lowest point of the loss on two problems with unequal classes: the same probabilities to 0.001"


def _fit_with(reduction="sum", penalty=lambda w, b: w.square().sum() / 2, iterations=1000):  # type: ignore[no-untyped-def]
    """Return a fit with another loss or another penalty, or one that ends too early."""

    def fit(features, labels, l2, classes):  # type: ignore[no-untyped-def]
        x = features.double()
        weight = torch.zeros(classes, x.shape[1], dtype=torch.float64, requires_grad=True)
        bias = torch.zeros(classes, dtype=torch.float64, requires_grad=True)
        solver = torch.optim.LBFGS(
            [weight, bias], max_iter=iterations, tolerance_grad=1e-8, line_search_fn="strong_wolfe"
        )

        def cost():  # type: ignore[no-untyped-def]
            solver.zero_grad()
            loss = F.cross_entropy(x @ weight.T + bias, labels, reduction=reduction) + l2 * penalty(weight, bias)
            loss.backward()
            return loss

        solver.step(cost)
        return weight.detach(), bias.detach()

    return fit


LOGISTIC = Exercise(
    id="14.4",
    title="The probe without scikit-learn",
    difficulty=3,
    minutes=15,
    reference=fit_logistic,
    check=_check,
    hints=(
        "L-BFGS wants a function that computes the loss anew, with its gradient, as often as it likes: a closure. "
        "Look at the example in the documentation of `torch.optim.LBFGS`.",
        "`F.cross_entropy(logits, labels, reduction='sum')`, and `l2 / 2 * weight.square().sum()` beside it.",
        "Start from zeros in float64, `max_iter=1000`, a small `tolerance_grad`, `line_search_fn='strong_wolfe'`. One "
        "`solver.step(cost)` does all iterations.",
    ),
    mutants=(
        Mutant(
            _fit_with("mean"),
            "the mean of the losses was taken, not their sum: λ then counts N times as much",
        ),
        Mutant(
            _fit_with(penalty=lambda w, b: (w.square().sum() + b.square().sum()) / 2),
            "the biases were held down, too: they only say how frequent a class is, and stay free",
        ),
        Mutant(_fit_with(penalty=lambda w, b: w.square().sum()), "λ ‖W‖² without the half"),
        Mutant(
            _fit_with(penalty=lambda w, b: w.square().sum().sqrt() / 2),
            "the length of the weights, and not its square, was held down",
        ),
        Mutant(_fit_with(penalty=lambda w, b: 0.0 * w.sum()), "λ is not used"),
        Mutant(_fit_with(iterations=3), "stopped after a few iterations: go on until the gradient is next to nothing"),
    ),
    kind="further",
)
