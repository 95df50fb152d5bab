"""Exercises of notebook 06, text towers.

build     06.1 a causal mask   06.2 reading at the end token   06.3 does padding leak?   06.4 the text tower
further   06.5 which tokens reach which, found with gradients
"""

from clip_tutor.lessons.nb06_text_towers.exercises.leaking import LEAKS
from clip_tutor.lessons.nb06_text_towers.exercises.masking import CAUSAL_MASK
from clip_tutor.lessons.nb06_text_towers.exercises.reach import REACH
from clip_tutor.lessons.nb06_text_towers.exercises.reading import READ
from clip_tutor.lessons.nb06_text_towers.exercises.tower import TOWER

EXERCISES = (CAUSAL_MASK, READ, LEAKS, TOWER, REACH)
