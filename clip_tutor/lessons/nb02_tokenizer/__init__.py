"""Notebook 02, the tokenizer: a page to learn from, symbols as chips, figures, exercises and stills."""
