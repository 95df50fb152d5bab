"""Exercises of notebook 01, images and words.

build     01.1 mutual information   01.2 a split without leaks   01.3 false negatives   01.4 recall by color alone
further   01.5 groups of copies
"""

from clip_tutor.lessons.nb01_pictures_and_words.exercises.color_recall import COLOR_RECALL
from clip_tutor.lessons.nb01_pictures_and_words.exercises.groups import GROUPS
from clip_tutor.lessons.nb01_pictures_and_words.exercises.information import INFORMATION
from clip_tutor.lessons.nb01_pictures_and_words.exercises.negatives import NEGATIVES
from clip_tutor.lessons.nb01_pictures_and_words.exercises.split import SPLIT

EXERCISES = (INFORMATION, SPLIT, NEGATIVES, COLOR_RECALL, GROUPS)
