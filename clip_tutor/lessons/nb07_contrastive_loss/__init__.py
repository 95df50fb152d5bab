"""Notebook 07, the contrastive loss: its batches, its widgets, figures, exercises and stills."""
