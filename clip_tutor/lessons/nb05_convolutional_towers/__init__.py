"""Notebook 05, convolutional towers: shifted pictures, portraits, figures, exercises and stills."""
