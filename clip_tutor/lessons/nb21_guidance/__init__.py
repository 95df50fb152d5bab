"""Notebook 21, guidance: captions to climb towards, a film of each climb, figures, exercises and stills."""
