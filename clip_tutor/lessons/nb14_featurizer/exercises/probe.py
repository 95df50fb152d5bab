"""Exercise 14.2: a probe whose λ the validation split chooses."""

import torch
from sklearn.linear_model import LogisticRegression

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe
from clip_tutor.lessons.nb14_featurizer.exercises.checks import overlapping


def choose_probe(
    train_features: torch.Tensor,
    train_labels: torch.Tensor,
    val_features: torch.Tensor,
    val_labels: torch.Tensor,
    strengths: list[float],
) -> tuple[float, torch.Tensor, torch.Tensor]:
    """Return the best λ and its probe: λ, weights (M, D) and biases (M,), in float64.

    For each λ of strengths a LogisticRegression is fitted to the training vectors, with at most 1,000 iterations.
    scikit-learn wants C = 1 / λ, and NumPy arrays in float64. The one that is right most often on the validation
    vectors is returned as it is; of several that are equally often right, the one with the largest λ.
    Vectors are (N, D), labels (N,) from 0 to M - 1, with M above 2.
    """
    best = -1.0
    for l2 in sorted(strengths):
        probe = LogisticRegression(C=1 / l2, max_iter=1000)
        probe.fit(train_features.double().numpy(), train_labels.numpy())
        accuracy = probe.score(val_features.double().numpy(), val_labels.numpy())
        if accuracy >= best:  # of equally good ones the strongest, which comes later
            best, chosen = accuracy, (l2, torch.from_numpy(probe.coef_), torch.from_numpy(probe.intercept_))
    return chosen


STRENGTHS = [1.0, 0.01, 100.0, 1000.0, 10.0]


def _check(answer: Attempt) -> str:
    for counts, seed, spread in (((5, 5, 5), 6, 2.0), ((12, 8, 10, 9), 1, 1.6), ((6, 6, 6), 3, 0.05)):
        train, validation = overlapping(counts, seed, spread=spread), overlapping(counts, seed + 50, spread=spread)
        found, right = answer(*train, *validation, STRENGTHS), choose_probe(*train, *validation, STRENGTHS)
        demand(
            isinstance(found, tuple) and len(found) == 3,
            describe(found),
            "three things: λ, weights and biases",
        )
        l2, weight, bias = found
        shapes = [tuple(torch.as_tensor(each).shape) for each in (weight, bias)]
        wanted = [tuple(each.shape) for each in right[1:]]
        demand(shapes == wanted, f"weights {shapes[0]} and biases {shapes[1]}", f"{wanted[0]} and {wanted[1]}")
        demand(abs(l2 - right[0]) < 1e-9 * right[0], f"λ = {l2:g}", f"λ = {right[0]:g}, the best on validation")
        off = (torch.as_tensor(weight).double() - right[1]).abs().max().item()
        demand(
            off < 1e-4 and torch.allclose(torch.as_tensor(bias).double(), right[2], atol=1e-4),
            f"λ is right, and the weights of the probe are off by {off:.2g}",
            "the probe that was fitted with this λ to the training vectors alone",
        )
    return "λ and probe on three problems, one of them with a tie"


def _probe_with(fit_on="train", score_on="val", c_of=lambda l2: 1 / l2, better=lambda a, b: a >= b, last=False):  # type: ignore[no-untyped-def]
    """Return a search that fits or scores elsewhere, counts λ otherwise, or keeps another one."""

    def search(train_x, train_y, val_x, val_y, strengths):  # type: ignore[no-untyped-def]
        sets = {"train": (train_x, train_y), "val": (val_x, val_y)}
        sets["both"] = torch.cat([train_x, val_x]), torch.cat([train_y, val_y])
        best, chosen = None, None
        for l2 in sorted(strengths):
            x, y = sets[fit_on]
            probe = LogisticRegression(C=c_of(l2), max_iter=1000).fit(x.double().numpy(), y.numpy())
            x, y = sets[score_on]
            accuracy = probe.score(x.double().numpy(), y.numpy())
            fitted = torch.from_numpy(probe.coef_), torch.from_numpy(probe.intercept_)
            if best is None or better(accuracy, best):
                best, chosen = accuracy, (l2, *fitted)
        return (chosen[0], *fitted) if last else chosen  # type: ignore[index]

    return search


PROBE = Exercise(
    id="14.2",
    title="A probe, and a λ that was chosen without the test",
    difficulty=2,
    minutes=12,
    reference=choose_probe,
    check=_check,
    hints=(
        "A loop over the strengths. Fit on one split, score on another, and remember λ and probe of the best so far.",
        "Go through `sorted(strengths)`, and take over a probe that is as good as the best so far: then of a tie the "
        "largest λ stays.",
        "`LogisticRegression(C=1 / l2, max_iter=1000).fit(x.double().numpy(), y.numpy())`; after that its weights are "
        "in `.coef_`, its biases in `.intercept_`, and `.score(x, y)` is its accuracy.",
    ),
    mutants=(
        Mutant(
            _probe_with(score_on="train"),
            "λ was chosen on the training vectors: the weakest regularization fits them best, whatever it is worth",
        ),
        Mutant(
            _probe_with(c_of=lambda l2: l2),
            "C = λ: scikit-learn's C is the inverse, so that a large λ made the probe free instead of strict",
        ),
        Mutant(
            _probe_with(fit_on="both"),
            "each probe was fitted to the validation vectors, too, and then asked about them: they choose nothing any "
            "more",
        ),
        Mutant(_probe_with(better=lambda a, b: a > b), "of equally good ones the weakest was kept: take the largest λ"),
        Mutant(_probe_with(last=True), "λ is the best one's, weights and biases are those of the last fit"),
        Mutant(_probe_with(better=lambda a, b: a <= b), "the λ that is right least often was kept"),
        Mutant(_probe_with(fit_on="val", score_on="train"), "training and validation have changed places"),
    ),
    kept=True,
)
