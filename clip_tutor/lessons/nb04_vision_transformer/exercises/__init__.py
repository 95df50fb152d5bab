"""Exercises of notebook 04, the Vision Transformer: from patchify to the whole tower, a MAP head, and one query.

Each class has the parameter names of the library's (`clip_tutor.towers`), so that weights go from one to the other:
``test_the_references_of_notebook_04_equal_the_library``.
"""

from clip_tutor.lessons.nb04_vision_transformer.exercises.attention import ATTEND, ATTENTION
from clip_tutor.lessons.nb04_vision_transformer.exercises.block import BLOCK, PERCEPTRON
from clip_tutor.lessons.nb04_vision_transformer.exercises.further import ASK, MAP_HEAD
from clip_tutor.lessons.nb04_vision_transformer.exercises.patches import PATCHIFY
from clip_tutor.lessons.nb04_vision_transformer.exercises.tower import VIT

EXERCISES = (PATCHIFY, ATTEND, ATTENTION, PERCEPTRON, BLOCK, VIT, MAP_HEAD, ASK)
