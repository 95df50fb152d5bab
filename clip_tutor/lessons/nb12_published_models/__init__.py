"""Notebook 12, the published models: figures, exercises and stills."""
