"""Exercises of notebook 16, pairs from the web.

build      16.1 bigrams that are more than chance   16.2 many queries in a caption   16.3 how likely a pair stays
together   16.4 from a corpus to a data set
further    16.5 images that captions do not balance   16.6 a threshold for each language
"""

from clip_tutor.lessons.nb16_web_image_text.bigram_exercise import BIGRAMS
from clip_tutor.lessons.nb16_web_image_text.curate_exercise import CURATE
from clip_tutor.lessons.nb16_web_image_text.further_exercises import GROUPS, SHARE
from clip_tutor.lessons.nb16_web_image_text.keep_exercise import KEEP
from clip_tutor.lessons.nb16_web_image_text.matching_exercise import MATCHER

EXERCISES = (BIGRAMS, MATCHER, KEEP, CURATE, GROUPS, SHARE)
