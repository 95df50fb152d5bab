"""Exercises of notebook 03, pixels: the weights of a resize, the crop, normalization, all of it; a diagnosis."""

from clip_tutor.lessons.nb03_pixels.exercises.cropping import CROP
from clip_tutor.lessons.nb03_pixels.exercises.diagnosis import DIAGNOSE
from clip_tutor.lessons.nb03_pixels.exercises.normalizing import NORMALIZE
from clip_tutor.lessons.nb03_pixels.exercises.weights import WEIGHTS
from clip_tutor.lessons.nb03_pixels.exercises.whole import WHOLE

EXERCISES = (WEIGHTS, CROP, NORMALIZE, WHOLE, DIAGNOSE)
