"""Exercises of notebook 20, aesthetics.

build     20.1 five layers are one   20.2 a loss for pairs   20.3 agreement, with an interval   20.4 what a taste tracks
together  20.5 a nudged query
further   20.6 a taste without the background
"""

from clip_tutor.lessons.nb20_aesthetics.direction_exercises import NUDGE, REMOVE
from clip_tutor.lessons.nb20_aesthetics.head_exercises import COLLAPSE, PAIRS
from clip_tutor.lessons.nb20_aesthetics.measure_exercises import AGREEMENT, AUDIT

EXERCISES = (COLLAPSE, PAIRS, AGREEMENT, AUDIT, NUDGE, REMOVE)
