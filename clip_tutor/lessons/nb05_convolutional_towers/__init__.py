"""Notebook 05, convolutional towers: shifted images, portraits, small towers, figures, exercises and stills."""
