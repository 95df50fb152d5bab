"""Notebook 03, pixels: steps of the preprocessing done wrong on purpose, figures, exercises and stills."""
