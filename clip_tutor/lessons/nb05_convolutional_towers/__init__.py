"""Notebook 05, convolutional towers: shifted images, portraits, figures, exercises and stills."""
