"""Exercises of notebook 02, the tokenizer.

build     02.1 merge one pair   02.2 train byte-pair encoding   02.3 encode a word   02.4 the row
          02.5 the whole tokenizer
further   02.6 unigram: the most probable cut
"""

from clip_tutor.lessons.nb02_tokenizer.exercises.encoding import ENCODE
from clip_tutor.lessons.nb02_tokenizer.exercises.merging import MERGE, TRAIN
from clip_tutor.lessons.nb02_tokenizer.exercises.row import ROW
from clip_tutor.lessons.nb02_tokenizer.exercises.tokenizer import TOKENIZER
from clip_tutor.lessons.nb02_tokenizer.exercises.unigram import CUT

EXERCISES = (MERGE, TRAIN, ENCODE, ROW, TOKENIZER, CUT)
