"""Notebook 10, image search: its exercises, its images, the board of inverted lists, plots and stills."""
