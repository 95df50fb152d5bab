"""Notebook 20, aesthetics: simulated raters, a rating board, figures, exercises and stills."""
