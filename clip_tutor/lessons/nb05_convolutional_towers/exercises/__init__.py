"""Exercises of notebook 05, convolutional towers: an anti-aliased bottleneck, an attention pool, CLIP's ResNet, a fold.

Each class has the parameter names of the library's (`clip_tutor.towers`), so that weights go from one to the other:
``test_the_references_of_notebook_05_equal_the_library``.
"""

from clip_tutor.lessons.nb05_convolutional_towers.exercises.bottleneck import BOTTLENECK
from clip_tutor.lessons.nb05_convolutional_towers.exercises.folding import FOLD
from clip_tutor.lessons.nb05_convolutional_towers.exercises.pool import ATTENTION_POOL
from clip_tutor.lessons.nb05_convolutional_towers.exercises.tower import RESNET

EXERCISES = (BOTTLENECK, ATTENTION_POOL, RESNET, FOLD)
