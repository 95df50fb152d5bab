"""How good is it? Retrieval both ways, and zero-shot questions about each attribute of a scene."""

from clip_tutor.evaluation.attributes import attribute_hits
from clip_tutor.evaluation.hard_negatives import hard_negative_report
from clip_tutor.evaluation.report import brief_report, full_report, photo_report
from clip_tutor.evaluation.retrieval import (
    bootstrap_interval,
    multi_caption_report,
    ranks,
    recall_at_k,
    retrieval_report,
)
from clip_tutor.evaluation.zero_shot import class_features, classify, likeliest

__all__ = [
    "attribute_hits",
    "bootstrap_interval",
    "brief_report",
    "class_features",
    "classify",
    "full_report",
    "hard_negative_report",
    "likeliest",
    "multi_caption_report",
    "photo_report",
    "ranks",
    "recall_at_k",
    "retrieval_report",
]
