"""Labelled image sets: what zero-shot classification and linear probes are measured on."""

from clip_tutor.data.labelled.images import LabelledImages

__all__ = ["LabelledImages"]
