"""Notebook 09, zero shot: its exercises, its data, the prompt lab, plots and stills."""
