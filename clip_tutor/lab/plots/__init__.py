"""Figures that several notebooks draw, and the one look they share; those of one notebook are in its lesson."""

from clip_tutor.lab.plots.common import bars, embedding_map, image_grid, similarity_matrix, training_curve

__all__ = ["similarity_matrix", "image_grid", "training_curve", "bars", "embedding_map"]
