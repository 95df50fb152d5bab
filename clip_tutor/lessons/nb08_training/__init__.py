"""Notebook 08, training: twins of scenes that differ in one fact, exercises and stills."""
