"""Notebook 23, SigLIP 2: figures and widgets of features that know where."""
