"""Exercises of notebook 19, Flamingo.

build     19.1 a layer of the resampler   19.2 the gated block   19.3 who sees which image   19.4 what counts
further   19.5 the control   19.6 a step of the gates
"""

from clip_tutor.lessons.nb19_flamingo.control_exercise import CONTROL
from clip_tutor.lessons.nb19_flamingo.counting_exercise import COUNTING
from clip_tutor.lessons.nb19_flamingo.gated_exercise import GATED
from clip_tutor.lessons.nb19_flamingo.gradient_exercise import GRADIENT
from clip_tutor.lessons.nb19_flamingo.mask_exercise import MASK
from clip_tutor.lessons.nb19_flamingo.resampler_exercise import RESAMPLER

EXERCISES = (RESAMPLER, GATED, MASK, COUNTING, CONTROL, GRADIENT)
