"""Exercises of notebook 21, guidance.

build     21.1 spherical distance   21.2 one random cut-out   21.3 total variation   21.4 an image made of waves
          21.5 one step of an automaton
further   21.6 a change that nobody sees
"""

from clip_tutor.lessons.nb21_guidance.automaton_exercises import STEP
from clip_tutor.lessons.nb21_guidance.cutout_exercise import CUTOUT
from clip_tutor.lessons.nb21_guidance.distance_exercise import DISTANCE
from clip_tutor.lessons.nb21_guidance.fourier_exercise import FOURIER
from clip_tutor.lessons.nb21_guidance.invisible_exercise import INVISIBLE
from clip_tutor.lessons.nb21_guidance.variation_exercise import VARIATION

EXERCISES = (DISTANCE, CUTOUT, VARIATION, FOURIER, STEP, INVISIBLE)
