"""Exercises of notebook 08, training: a model, its optimizer, a step, the loop, and how it went."""

from clip_tutor.lessons.nb08_training.exercises.loop import LOOP
from clip_tutor.lessons.nb08_training.exercises.loss_scale import LOSS_SCALE
from clip_tutor.lessons.nb08_training.exercises.model import MODEL
from clip_tutor.lessons.nb08_training.exercises.optimizer import GROUPS, RATE
from clip_tutor.lessons.nb08_training.exercises.recall import RECALL
from clip_tutor.lessons.nb08_training.exercises.step import STEP

EXERCISES = (MODEL, GROUPS, RATE, STEP, RECALL, LOOP, LOSS_SCALE)
