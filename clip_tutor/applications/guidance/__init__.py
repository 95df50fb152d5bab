"""Guidance: images that climb towards a caption, and a neural cellular automaton that grows one."""
