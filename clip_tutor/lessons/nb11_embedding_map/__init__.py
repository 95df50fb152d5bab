"""Notebook 11, the embedding map: its exercises, the film of a training, saved layouts, plots and stills."""
