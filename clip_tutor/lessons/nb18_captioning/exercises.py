"""Exercises of notebook 18, captioning.

build     18.1 the mapper   18.2 the prefix loss   18.3 top-p sampling   18.4 a collapse detector
further   18.5 learned constants   18.6 beyond the prior
"""

from clip_tutor.lessons.nb18_captioning.constants_exercise import CONSTANTS
from clip_tutor.lessons.nb18_captioning.information_exercise import INFORMATION
from clip_tutor.lessons.nb18_captioning.loss_exercise import LOSS
from clip_tutor.lessons.nb18_captioning.mapper_exercise import MAPPER
from clip_tutor.lessons.nb18_captioning.prior_exercise import PRIOR
from clip_tutor.lessons.nb18_captioning.sampling_exercise import TOP_P

EXERCISES = (MAPPER, LOSS, TOP_P, INFORMATION, CONSTANTS, PRIOR)
