"""Notebook 22, text to image: a small world to draw, figures, widgets, exercises and stills."""
