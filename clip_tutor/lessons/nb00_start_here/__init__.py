"""Notebook 00, the tour: its saved map, its exercises and its stills."""
