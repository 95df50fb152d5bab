"""Three classifiers that read vectors, and all of them are (M, D) weights and M biases.

    zero-shot          W = class vectors from prompts            b = 0             no labelled image
    nearest centroid   W = mean vector c of each class           b = −½ ‖c‖²       means, nothing is fitted
    linear probe       W, b minimize  Σ −log p(label) + ½ λ ‖W‖²                   logistic regression, L-BFGS

x lies nearest to the centroid whose ‖x − c‖² = ‖x‖² − 2 (c·x − ½ ‖c‖²) is the smallest: ‖x‖² is the same for all
classes, so the largest c·x − ½ ‖c‖² wins (``test_nearest_centroid_equals_scikit_learn``).

Sources: Radford et al. 2021, appendix A.3; Snell et al. 2017, section 2.4, for centroids as a linear classifier.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor

from clip_tutor.evaluation.featurizer.features import Labelled, require_labelled
from clip_tutor.evaluation.zero_shot import likeliest

MAX_ITERATIONS = 1000  # of L-BFGS, as in the paper


@dataclass(frozen=True)
class LinearClassifier:
    """One row of weights and one bias a class.

    Attributes:
        converged: whether the solver came to rest before its last iteration; always, where nothing was fitted.
    """

    weight: Tensor  # (M, D) float64
    bias: Tensor  # (M,) float64
    converged: bool = True

    def logits(self, features: Tensor) -> Tensor:
        """Return (N, M) float64 from (N, D) vectors; a softmax over a row gives the probabilities.

        Raises:
            ValueError: the vectors have another length than those it was made of.
        """
        if features.ndim != 2 or features.shape[1] != self.weight.shape[1]:
            raise ValueError(
                f"this classifier reads vectors (N, {self.weight.shape[1]}), not {tuple(features.shape)}: were these "
                "taken at the same place, before or after the projection?"
            )
        return features.double() @ self.weight.T + self.bias

    def predict(self, features: Tensor) -> Tensor:
        """Return (N,) the class of each vector, −1 where it is not a number."""
        return likeliest(self.logits(features))

    def hits(self, test: Labelled) -> Tensor:
        """Return (N,) bool: which labels it gets right."""
        return self.predict(test.features) == test.labels


def zero_shot_head(classes: Tensor) -> LinearClassifier:
    """Return the zero-shot classifier of (M, E) class vectors, which reads unit vectors of the joint space."""
    return LinearClassifier(classes.double(), torch.zeros(len(classes), dtype=torch.float64))


def nearest_centroid(train: Labelled) -> LinearClassifier:
    """Return the classifier that names the class whose mean vector is the nearest.

    Raises:
        ValueError: see `fit_probe`.
    """
    count = _classes_of(train)
    sums = torch.zeros(count, train.features.shape[1], dtype=torch.float64)
    sums.index_add_(0, train.labels, train.features.double())  # (M, D)
    centroids = sums / train.labels.bincount(minlength=count)[:, None]  # (M, D)
    return LinearClassifier(centroids, -0.5 * (centroids**2).sum(dim=1))


def fit_probe(train: Labelled, l2: float) -> LinearClassifier:
    """Return a logistic regression fitted to labelled vectors: scikit-learn's, with L-BFGS and 1,000 iterations.

    Args:
        l2: λ, above 0, the strength of ½ λ ‖W‖² against the SUM of the losses: what twice as many images, or vectors
            of another length, need is another λ. scikit-learn calls 1 / λ ``C``.

    Raises:
        ValueError: λ is not above 0, there is one class only, a class between the others has no image, or vectors and
            labels cannot be used.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    if not 0 < l2 < float("inf"):
        raise ValueError(f"λ is {l2}: the strength of the regularization is a number above 0, such as 1.0")
    _classes_of(train)
    regression = LogisticRegression(C=1 / l2, solver="lbfgs", max_iter=MAX_ITERATIONS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # `converged` says it
        regression.fit(train.features.double().numpy(), train.labels.numpy())
    weight, bias = torch.from_numpy(regression.coef_), torch.from_numpy(regression.intercept_)
    if len(weight) == 1:  # of two classes scikit-learn keeps the difference alone
        weight, bias = torch.cat([torch.zeros_like(weight), weight]), torch.cat([torch.zeros_like(bias), bias])
    return LinearClassifier(weight, bias, bool(max(regression.n_iter_) < MAX_ITERATIONS))


def _classes_of(train: Labelled) -> int:
    """Return M, the number of classes that have images."""
    require_labelled("the training split", train)
    counts = train.labels.bincount()
    missing = (counts == 0).nonzero().flatten().tolist()
    if missing:
        raise ValueError(f"classes {missing[:10]} have no training image: number the classes without gaps")
    if len(counts) < 2:
        raise ValueError("all training images belong to one class: a classifier needs at least two")
    return len(counts)
