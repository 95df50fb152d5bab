"""Notebook 19, flamingo: its exercises, plots and stills."""
