"""The exercises of notebook 15: each with its solution, its check, and the mistakes that are usually made."""

from clip_tutor.lessons.nb15_learning_from_noise.filter_exercise import SHARED
from clip_tutor.lessons.nb15_learning_from_noise.floor_exercises import FLOOR, SMOOTHED
from clip_tutor.lessons.nb15_learning_from_noise.injector_exercise import INJECTOR
from clip_tutor.lessons.nb15_learning_from_noise.rare_exercise import RARE

EXERCISES = (INJECTOR, FLOOR, SHARED, SMOOTHED, RARE)
