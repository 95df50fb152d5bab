"""Exercises of notebook 12: count a tower, split a fused QKV, take over published weights, finish features, absorb.

What the weights come to in the notebook is the learner's own tower of 04.6, whose names are the library's:
``test_published_weights_make_the_librarys_tower``.
"""

from clip_tutor.lessons.nb12_published_models.exercises.absorbing import ABSORB
from clip_tutor.lessons.nb12_published_models.exercises.counting import COUNT
from clip_tutor.lessons.nb12_published_models.exercises.finishing import FINISH
from clip_tutor.lessons.nb12_published_models.exercises.fused import SPLIT
from clip_tutor.lessons.nb12_published_models.exercises.published import PUBLISHED

EXERCISES = (COUNT, SPLIT, PUBLISHED, FINISH, ABSORB)
