"""How good is it? Zero-shot classification, retrieval both ways, and questions about each attribute of a scene."""

from clip_tutor.evaluation.attributes import attribute_hits
from clip_tutor.evaluation.calibration import Calibration, calibration, fit_temperature, negative_log_likelihood
from clip_tutor.evaluation.classification import Classification, ConfusedPair, classification
from clip_tutor.evaluation.classifier import Classifier, build_classifier
from clip_tutor.evaluation.encoding import Encoded, encode_labelled
from clip_tutor.evaluation.hard_negatives import hard_negative_report
from clip_tutor.evaluation.none_of_these import NONE, answers_or_none, best_scores, p_values
from clip_tutor.evaluation.overlapping import LabelScale, fit_label_scale, label_probabilities
from clip_tutor.evaluation.prompts import SELECTED, TEMPLATES, prompts_for, read_templates
from clip_tutor.evaluation.report import brief_report, full_report, photo_report
from clip_tutor.evaluation.retrieval import (
    Retrieval,
    bootstrap_interval,
    ranks,
    recall_at_k,
    retrieval_report,
)
from clip_tutor.evaluation.zero_shot import class_features, classify, likeliest

__all__ = [
    "NONE",
    "SELECTED",
    "TEMPLATES",
    "Calibration",
    "Classification",
    "Classifier",
    "ConfusedPair",
    "Encoded",
    "LabelScale",
    "Retrieval",
    "answers_or_none",
    "attribute_hits",
    "best_scores",
    "bootstrap_interval",
    "brief_report",
    "build_classifier",
    "calibration",
    "class_features",
    "classification",
    "classify",
    "encode_labelled",
    "fit_label_scale",
    "fit_temperature",
    "full_report",
    "hard_negative_report",
    "label_probabilities",
    "likeliest",
    "negative_log_likelihood",
    "p_values",
    "photo_report",
    "prompts_for",
    "ranks",
    "read_templates",
    "recall_at_k",
    "retrieval_report",
]
