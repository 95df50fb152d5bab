"""Exercises of notebook 14, featurizer: nearest centroid, a probe with its λ, the paired test, and L-BFGS by hand."""

from clip_tutor.lessons.nb14_featurizer.exercises.centroid import CENTROID
from clip_tutor.lessons.nb14_featurizer.exercises.logistic import LOGISTIC
from clip_tutor.lessons.nb14_featurizer.exercises.paired import PAIRED
from clip_tutor.lessons.nb14_featurizer.exercises.probe import PROBE

EXERCISES = (CENTROID, PROBE, PAIRED, LOGISTIC)
