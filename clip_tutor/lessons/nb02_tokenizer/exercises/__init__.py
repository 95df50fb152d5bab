"""Exercises of notebook 02, the tokenizer.

build     02.1 the symbols of a word   02.2 merge one pair   02.3 train byte-pair encoding   02.4 encode a word
          02.5 the row   02.6 the whole tokenizer
further   02.7 WordPiece: the longest piece that fits   02.8 unigram: the most probable cut
"""

from clip_tutor.lessons.nb02_tokenizer.exercises.encoding import ENCODE
from clip_tutor.lessons.nb02_tokenizer.exercises.merging import MERGE, TRAIN
from clip_tutor.lessons.nb02_tokenizer.exercises.row import ROW
from clip_tutor.lessons.nb02_tokenizer.exercises.symbols import SYMBOLS
from clip_tutor.lessons.nb02_tokenizer.exercises.tokenizer import TOKENIZER
from clip_tutor.lessons.nb02_tokenizer.exercises.unigram import CUT
from clip_tutor.lessons.nb02_tokenizer.exercises.wordpiece import MATCH

EXERCISES = (SYMBOLS, MERGE, TRAIN, ENCODE, ROW, TOKENIZER, MATCH, CUT)
