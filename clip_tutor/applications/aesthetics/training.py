"""A taste from a few dozen ratings: the weights of a head, from ratings or from pairs.

    ratings    minimize  Σ (w·xᵢ + b − rᵢ)²  +  λ ‖w‖²                  ridge regression, solved at once
    pairs      minimize  Σ ln(1 + exp(−(w·x_better − w·x_worse)))  +  ½ λ ‖w‖²      Bradley–Terry

With fewer ratings than numbers in a vector, infinitely many heads fit all of them exactly. λ chooses: it takes the
shortest w that explains enough. In pairs only the order counts: who gives nothing but sevens and eights, and who uses
the whole scale, give the same pairs. A bias would cancel out, so there is none.

Sources: Hoerl and Kennard 1970 (ridge regression); Bradley and Terry 1952, for vectors: Burges et al. 2005 (RankNet),
section 3, with a linear model.
"""

from __future__ import annotations

import torch
from torch import Tensor

from clip_tutor.applications.aesthetics.heads import LinearHead

FEWEST = 5  # ratings that a head can be fitted to
L2 = 0.3  # for unit vectors: near the best for 20 to 80 ratings of simulated raters


def fit_ratings(features: Tensor, ratings: Tensor, l2: float = L2) -> LinearHead:
    """Return the head of a ridge regression on N rated images.

    Args:
        features: (N, E) unit vectors.
        ratings: (N,), on any scale; the head's scores are on the same one.
        l2: λ, above 0.

    Raises:
        ValueError: there are too few ratings, or all are equal, or vectors and ratings do not go together.
    """
    x, r = check_ratings(features, ratings, l2)
    mean, level = x.mean(dim=0), r.mean()
    centered = x - mean  # (N, E): with means taken away, the bias need not be fitted
    # N equations instead of E, since there are fewer images than numbers in a vector.
    shares = torch.linalg.solve(centered @ centered.T + l2 * torch.eye(len(r), dtype=x.dtype), r - level)  # (N,)
    weight = centered.T @ shares  # (E,)
    return LinearHead.of(weight, level - weight @ mean)


def pairs_of(ratings: Tensor) -> Tensor:
    """Return (P, 2): of each two images that were rated differently, first the better one, then the other."""
    better, worse = (ratings[:, None] > ratings[None, :]).nonzero(as_tuple=True)
    return torch.stack([better, worse], dim=1)


def fit_pairs(features: Tensor, pairs: Tensor, l2: float = L2) -> LinearHead:
    """Return the head under which the choices that were made are the likeliest (Bradley–Terry); its bias is 0.

    P(a is chosen over b) = σ(w·a − w·b), a logistic regression on differences of vectors.

    Args:
        features: (N, E) unit vectors.
        pairs: (P, 2) rows of ``features``: the one that was chosen, and the one that was not.
        l2: λ, above 0.

    Raises:
        ValueError: there are too few pairs, or they name images that are not there, or an image against itself.
    """
    from sklearn.linear_model import LogisticRegression

    _check_strength(l2)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or len(pairs) < FEWEST:
        raise ValueError(
            f"choices are (P, 2) rows of the better and the other image, at least {FEWEST}: got {tuple(pairs.shape)}. "
            "Ratings that are all equal give none: rate more images, and use the scale"
        )
    if pairs.min() < 0 or pairs.max() >= len(features) or bool((pairs[:, 0] == pairs[:, 1]).any()):
        raise ValueError(f"a choice is between two different rows from 0 to {len(features) - 1}: look at the pairs")
    differences = features[pairs[:, 0]].double() - features[pairs[:, 1]].double()  # (P, E)
    both = torch.cat([differences, -differences])  # scikit-learn wants two classes: each pair, told both ways
    chosen = torch.cat([torch.ones(len(pairs)), torch.zeros(len(pairs))])
    regression = LogisticRegression(C=0.5 / l2, fit_intercept=False, tol=1e-8, max_iter=1000)  # each pair counts twice
    regression.fit(both.numpy(), chosen.numpy())
    return LinearHead.of(torch.from_numpy(regression.coef_[0]))


def check_ratings(features: Tensor, ratings: Tensor, l2: float = L2) -> tuple[Tensor, Tensor]:
    """Return vectors and ratings in float64, once they can be fitted."""
    _check_strength(l2)
    if features.ndim != 2 or ratings.shape != features.shape[:1]:
        raise ValueError(
            f"one rating for each vector: got vectors {tuple(features.shape)} and ratings {tuple(ratings.shape)}"
        )
    if len(ratings) < FEWEST:
        raise ValueError(f"{len(ratings)} ratings are too few for a taste: rate at least {FEWEST} images")
    x, r = features.double(), ratings.double()
    if not bool(torch.isfinite(x).all() and torch.isfinite(r).all()):
        raise ValueError("a vector or a rating is not a number: leave that image out")
    if bool((r == r[0]).all()):
        raise ValueError(
            f"all {len(r)} ratings are {r[0]:g}: a taste is in the differences, so use more than one step of the scale"
        )
    return x, r


def _check_strength(l2: float) -> None:
    if not 0 < l2 < float("inf"):
        raise ValueError(f"λ is {l2}: the strength of the regularization is a number above 0, such as {L2}")
