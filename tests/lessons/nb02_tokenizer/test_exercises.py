"""Notebook 02's exercises against the library: its merges, its rows, and the most probable cut."""

import pytest

from clip_tutor.lessons.nb02_tokenizer.exercises import tokenizer, unigram
from clip_tutor.lessons.nb02_tokenizer.exercises.encoding import encode_word
from clip_tutor.lessons.nb02_tokenizer.exercises.merging import train_bpe
from clip_tutor.lessons.nb02_tokenizer.page import PAGE
from clip_tutor.tokenizers import BPETokenizer, UnigramTokenizer, bpe
from clip_tutor.tokenizers.sentencepiece.normalization import Normalization
from clip_tutor.tokenizers.sentencepiece.pieces import Piece, PieceType, Vocabulary

MERGES = bpe.train_bpe([PAGE], 10_000)


@pytest.mark.parametrize("count", [0, 1, 20, 10_000])
def test_training_finds_the_librarys_merges(count: int):
    assert train_bpe(bpe.spell([PAGE]), count) == bpe.train_bpe([PAGE], count)


def test_the_tokenizer_gives_the_librarys_rows():
    mine, library = tokenizer.MyTokenizer(MERGES, 20), BPETokenizer(MERGES, 20)
    captions = ["", "The cat's new carpets!", "CAFÉ &amp; 🐶", PAGE]
    assert mine(captions, truncate=True) == library(captions, truncate=True)
    assert mine.symbols == library.id_to_token
    with pytest.raises(ValueError, match="room for 18"):
        mine(captions)


def test_the_captions_and_the_ranks_stay_as_they_were():
    first, ranks = ["c", "a", "r</w>"], {("c", "a"): 0}
    assert encode_word(first, ranks) == ["ca", "r</w>"]
    assert (first, ranks) == (["c", "a", "r</w>"], {("c", "a"): 0})


def test_the_most_probable_cut_is_the_librarys():
    control = [Piece("</s>", 0, PieceType.CONTROL), Piece("<unk>", 0, PieceType.UNKNOWN)]
    scored = [Piece(piece, score) for piece, score in unigram._LOGS.items()]
    library = UnigramTokenizer(Vocabulary("unigram", "sentencepiece", (*control, *scored), Normalization()))
    for word in unigram._WORDS:
        cuts = (unigram.most_probable_cut(word, unigram._LOGS), library.viterbi(word))
        mine, its = (sum(unigram._LOGS[piece] for piece in cut) for cut in cuts)
        assert mine == pytest.approx(its)
