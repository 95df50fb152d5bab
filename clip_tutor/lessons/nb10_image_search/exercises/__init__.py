"""Exercises of notebook 10, image search.

build     10.1 exact search   10.2 k-means on unit vectors   10.3 inverted lists   10.4 recall with several captions
          10.5 what fits better than chance
further   10.6 names of another language
"""

from clip_tutor.lessons.nb10_image_search.exercises.captions import CAPTION_RECALL
from clip_tutor.lessons.nb10_image_search.exercises.exact import EXACT
from clip_tutor.lessons.nb10_image_search.exercises.fitting import FITTING
from clip_tutor.lessons.nb10_image_search.exercises.language import LANGUAGE
from clip_tutor.lessons.nb10_image_search.exercises.lists import KMEANS, LISTS

EXERCISES = (EXACT, KMEANS, LISTS, CAPTION_RECALL, FITTING, LANGUAGE)
