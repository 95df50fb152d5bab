"""Notebook 06, text towers: exercises and stills."""
