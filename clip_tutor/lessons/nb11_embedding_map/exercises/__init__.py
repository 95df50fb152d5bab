"""Exercises of notebook 11, the embedding map.

build     11.1 the gap and its removal   11.2 alignment and uniformity   11.3 what a map keeps   11.4 hubs, counted
further   11.5 PCA whitening
"""

from clip_tutor.lessons.nb11_embedding_map.exercises.gap import GAP
from clip_tutor.lessons.nb11_embedding_map.exercises.neighbors import HUBS, KEPT
from clip_tutor.lessons.nb11_embedding_map.exercises.spread import SPREAD
from clip_tutor.lessons.nb11_embedding_map.exercises.whitening import WHITENING

EXERCISES = (GAP, SPREAD, KEPT, HUBS, WHITENING)
