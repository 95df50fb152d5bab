"""Labelled image sets: what zero-shot classification and linear probes are measured on."""

from clip_tutor.data.labelled.emoji_scenes import labelled_scenes
from clip_tutor.data.labelled.folders import labelled_folder
from clip_tutor.data.labelled.hub import labelled_dataset, labelled_hub, labelled_parquet
from clip_tutor.data.labelled.images import LabelledImages
from clip_tutor.data.labelled.opening import open_labelled
from clip_tutor.data.labelled.torchvision_labels import labelled_torchvision

__all__ = [
    "LabelledImages",
    "labelled_dataset",
    "labelled_folder",
    "labelled_hub",
    "labelled_parquet",
    "labelled_scenes",
    "labelled_torchvision",
    "open_labelled",
]
