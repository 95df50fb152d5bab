"""Notebook 18, captioning: a small world to train on, figures, widgets, exercises and stills."""
