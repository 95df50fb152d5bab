"""Notebook 16, pairs from the web: a query list, matching, balancing, runs on a long tail, figures and exercises."""
