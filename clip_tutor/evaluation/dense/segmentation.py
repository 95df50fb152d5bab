"""A linear probe for each patch: what does it show? And how well do the regions that come out overlap with the truth?

    patch tokens (B, N, D) ─ linear layer ─▶ (B, M, side, side) logits ─ enlarged ─▶ (B, M, H, W) ─ argmax ─▶ classes

    IoU of a class = pixels that are its and are said to be ÷ pixels that are its or are said to be
    mIoU           = the mean over classes, of which the background is one

The tower is frozen, so whatever the probe tells apart, the tokens tell apart already. Classes are the objects of the
vocabulary, as captions name them, and the background: 0 is the background, row r of the vocabulary is class r + 1. A
patch learns as the class of most of its pixels; what is measured is every pixel, so that coarse patches pay for it.

Most patches are background. A classifier that says nothing else is right most of the time and has an mIoU of less
than 1 ÷ M: see ``test_all_background_has_next_to_no_overlap``.

Sources: Oquab et al. 2024 (DINOv2) for a linear layer on patch tokens, enlarged to the image;
Everingham et al. 2015 (PASCAL VOC) for intersection over union of pixels in the whole test set.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.data.places import object_masks
from clip_tutor.data.scenes import Scenes
from clip_tutor.evaluation.dense.features import as_grid, patch_features
from clip_tutor.evaluation.featurizer import Labelled, LinearClassifier, fit_probe
from clip_tutor.model import CLIP

L2 = 1.0  # of the probe, on features of unit variance; the same for every model
NEVER = -1e4  # the logit of a class that no training patch has
AT_ONCE = 32  # images whose enlarged logits are kept in memory


def patch_labels(masks: Tensor, patches: int) -> Tensor:
    """Return (B, N) int64: the class of most pixels of each patch, 0 for the background.

    Args:
        masks: (B, H, H), as `object_masks` gives them.
        patches: N, a square number.

    Raises:
        ValueError: so many patches do not tile the masks.
    """
    side, P = round(patches**0.5), round(masks.shape[1] / patches**0.5)
    if side**2 != patches or side * P != masks.shape[1]:
        raise ValueError(f"{patches} square patches do not tile masks of {masks.shape[1]} pixels")
    cut = masks.unflatten(2, (side, P)).unflatten(1, (side, P)).transpose(2, 3)  # (B, side, side, P, P)
    return cut.flatten(3).flatten(1, 2).mode(dim=2).values + 1  # (B, N); of two that are equal, the smaller


def fit_patch_probe(features: Tensor, labels: Tensor, classes: int) -> LinearClassifier:
    """Return a logistic regression for single patches: scikit-learn's, by way of `fit_probe`.

    Features are brought to mean 0 and variance 1 before, or towers with short tokens would be held back more; the
    classifier that comes back reads them as they are.

    Args:
        features: (B, N, D), as `patch_features` gives them.
        labels: (B, N), from `patch_labels`.
        classes: M. Some may have no patch: they are never said.

    Raises:
        ValueError: all patches belong to one class, or features and labels cannot be used.
    """
    x = features.flatten(0, 1).double()  # (B·N, D)
    present, rows = labels.flatten().unique(return_inverse=True)  # (M',), (B·N,)
    mean, spread = x.mean(dim=0), x.std(dim=0).clamp(min=1e-6)
    fitted = fit_probe(Labelled((x - mean) / spread, rows), L2)
    weight = torch.zeros(classes, x.shape[1], dtype=torch.float64)  # (M, D)
    bias = torch.full((classes,), NEVER, dtype=torch.float64)  # (M,)
    weight[present] = fitted.weight / spread
    bias[present] = fitted.bias - weight[present] @ mean
    return LinearClassifier(weight, bias, fitted.converged)


def segment(probe: LinearClassifier, features: Tensor, size: int) -> Tensor:
    """Return (B, H, H) int64: the class of each pixel, by logits that are enlarged bilinearly.

    Args:
        features: (B, N, D).
        size: H, in pixels.
    """
    pieces = []
    for part in features.split(AT_ONCE):
        logits = probe.logits(part.flatten(0, 1)).float().unflatten(0, part.shape[:2])  # (B, N, M)
        coarse = as_grid(logits).permute(0, 3, 1, 2)  # (B, M, side, side)
        pieces.append(F.interpolate(coarse, (size, size), mode="bilinear").argmax(dim=1))
    return torch.cat(pieces)


def class_iou(predicted: Tensor, truth: Tensor, classes: int) -> Tensor:
    """Return (M,) intersection over union of each class over all pixels of all images, NaN where a class has none.

    Args:
        predicted, truth: (B, H, W) classes from 0 to M − 1.

    Raises:
        ValueError: they differ in shape.
    """
    if predicted.shape != truth.shape:
        raise ValueError(f"classes for pixels {tuple(predicted.shape)} and a truth for {tuple(truth.shape)}")
    both = torch.bincount(truth[predicted == truth], minlength=classes)  # (M,)
    either = torch.bincount(predicted.flatten(), minlength=classes) + torch.bincount(truth.flatten(), minlength=classes)
    return both / (either - both)


def mean_iou(predicted: Tensor, truth: Tensor, classes: int) -> float:
    """Return the mean of `class_iou` over the classes that are there or are said to be."""
    return class_iou(predicted, truth, classes).nanmean().item()


def probe_mean_iou(model: CLIP, known: Scenes, unseen: Scenes, count: int = 500, judged: int = 500) -> float:
    """Return the mIoU of a probe that learns from the first scenes of one set and is judged by those of another.

    Args:
        known, unseen: of the same objects, of the size that the model reads, such as the splits "train" and "test".
        count, judged: how many scenes of each.

    Raises:
        ValueError: see `patch_features` and `object_masks`.
    """
    classes = len(known.objects) + 1
    plan = known.plan(range(count))
    features = patch_features(model, known.show(plan, range(count)).pixels)  # (B, N, D)
    probe = fit_patch_probe(features, patch_labels(object_masks(known, plan), features.shape[1]), classes)
    plan = unseen.plan(range(judged))
    features = patch_features(model, unseen.show(plan, range(judged)).pixels)
    return mean_iou(segment(probe, features, unseen.size), object_masks(unseen, plan) + 1, classes)
