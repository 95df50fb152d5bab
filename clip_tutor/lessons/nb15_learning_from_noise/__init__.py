"""Notebook 15, learning from noise: damaged captions, what filters make of them, a grid of runs, figures, exercises."""
