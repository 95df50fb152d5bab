"""Notebook 04, the Vision Transformer: attention maps and a board to look at them, figures, exercises and stills."""
