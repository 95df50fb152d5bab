"""Exercises of notebook 09, zero-shot classification.

build     09.1 the zero-shot classifier   09.2 the ensemble   09.3 choosing templates without the test set
further   09.4 top-k where several labels are true
"""

from clip_tutor.lessons.nb09_zero_shot.choosing_exercises import CHOOSING, TOP_K
from clip_tutor.lessons.nb09_zero_shot.classifier_exercises import CLASSIFIER, ENSEMBLE

EXERCISES = (CLASSIFIER, ENSEMBLE, CHOOSING, TOP_K)
