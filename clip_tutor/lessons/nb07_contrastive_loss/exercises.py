"""Exercises of notebook 07, the contrastive loss.

build     07.1 log-probabilities   07.2 the loss   07.3 its gradient at the logits   07.4 and at the log of the scale
further   07.5 several positives   07.6 the best temperature
"""

from clip_tutor.lessons.nb07_contrastive_loss.further_exercises import BEST_SCALE, POSITIVES
from clip_tutor.lessons.nb07_contrastive_loss.gradient_exercises import GRADIENT, SCALE
from clip_tutor.lessons.nb07_contrastive_loss.loss_exercises import LOSS, PROBABILITIES

EXERCISES = (PROBABILITIES, LOSS, GRADIENT, SCALE, POSITIVES, BEST_SCALE)
