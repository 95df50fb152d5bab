"""A trained image encoder as a featurizer: what do a few labelled images make of its vectors?

features.py     images ─▶ (N, D) vectors, before the projection where there is one
splits.py       training images ─▶ training and validation; k of each class
classifiers.py  linear probe (logistic regression), nearest centroid, zero-shot: all three are W x + b
sweep.py        how strong a regularization? chosen on the validation split
few_shot.py     1, 2, 4, 8, 16 images a class, several draws, against zero-shot
comparing.py    two classifiers on the same test images: paired bootstrap
report.py       all of it for one data set
"""

from clip_tutor.evaluation.featurizer.classifiers import LinearClassifier, fit_probe, nearest_centroid, zero_shot_head
from clip_tutor.evaluation.featurizer.comparing import PairedDifference, paired_difference
from clip_tutor.evaluation.featurizer.features import Labelled, joint_features, probe_features, read_from
from clip_tutor.evaluation.featurizer.few_shot import SHOTS, FewShotCurve, few_shot_curve
from clip_tutor.evaluation.featurizer.report import FeaturizerReport, featurizer_report
from clip_tutor.evaluation.featurizer.splits import few_of_each, split_off
from clip_tutor.evaluation.featurizer.sweep import L2_GRID, Sweep, choose_l2

__all__ = [
    "L2_GRID",
    "SHOTS",
    "FeaturizerReport",
    "FewShotCurve",
    "Labelled",
    "LinearClassifier",
    "PairedDifference",
    "Sweep",
    "choose_l2",
    "featurizer_report",
    "few_of_each",
    "few_shot_curve",
    "fit_probe",
    "joint_features",
    "nearest_centroid",
    "paired_difference",
    "probe_features",
    "read_from",
    "split_off",
    "zero_shot_head",
]
