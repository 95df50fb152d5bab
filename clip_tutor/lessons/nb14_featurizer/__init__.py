"""Notebook 14, featurizer: tasks with few labelled images, exercises, the probe's board and stills."""
