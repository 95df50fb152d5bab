"""Notebook 01, images and words: its heap of pairs, exercises, plots and stills."""
