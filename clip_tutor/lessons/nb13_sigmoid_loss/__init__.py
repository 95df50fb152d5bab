"""Notebook 13, the sigmoid loss: measured memory, a ring of processes, figures, exercises and stills."""
