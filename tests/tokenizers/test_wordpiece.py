"""Our WordPiece against BERT's, as transformers publishes it, on a vocabulary with holes."""

import pytest
from transformers import BertTokenizerFast

from clip_tutor.tokenizers import WordPieceTokenizer
from clip_tutor.tokenizers.wordpiece import LONGEST_WORD, simplify


@pytest.fixture(scope="module")
def published(bert_vocabulary):
    return BertTokenizerFast(vocab=str(bert_vocabulary))


@pytest.fixture(scope="module")
def ours(bert_vocabulary):
    return WordPieceTokenizer.from_vocabulary(bert_vocabulary)


@pytest.mark.slow
def test_rows_equal_the_published_ones(ours, published, captions):
    theirs = published(captions, padding="max_length", max_length=64, truncation=True)["input_ids"]
    rows = ours(captions, truncate=True)
    assert len(rows) == 20_000
    for caption, row, their_row in zip(captions, rows, theirs, strict=True):
        assert row == their_row, repr(caption)


@pytest.mark.slow
def test_ids_equal_the_published_ones(ours, published, captions):
    theirs = published(captions, add_special_tokens=False)["input_ids"]
    ids = [ours.encode(caption) for caption in captions]
    assert ids == theirs
    unknown = sum(ours.token_to_id["[UNK]"] in each for each in ids)
    assert 1000 < unknown < 15_000, "known and unknown words must both be seen"


def test_the_longest_piece_wins():
    tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "un", "##aff", "##able", "##a", "una", "##ff"])
    assert [tokenizer.pieces[i] for i in tokenizer.encode("unaffable")] == ["una", "##ff", "##able"]
    assert tokenizer.encode("unaffably") == [1], "one part that cannot be spelled makes the whole word unknown"
    assert tokenizer.encode("un una") == [4, 8]
    assert tokenizer.decode([2, 8, 9, 6, 4, 1, 3, 0, 0]) == "unaffable un [UNK]"


def test_a_word_may_have_a_hundred_letters():
    tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "##a"], context_length=200)
    assert len(tokenizer.encode("a" * LONGEST_WORD)) == LONGEST_WORD
    assert tokenizer.encode("a" * (LONGEST_WORD + 1)) == [1]


def test_simplify_says_what_bert_sees():
    assert simplify("Café NAÏVE\tÅngström\x00\u200b") == "cafe naive angstrom"
    assert simplify("ab東京") == "ab 東  京 "


def test_a_row_is_marks_ids_and_padding(ours):
    (row,) = ours(["a dog"])
    assert row[0] == ours.start_id == ours.token_to_id["[CLS]"]
    assert row[len(ours.encode("a dog")) + 1] == ours.end_id == ours.token_to_id["[SEP]"]
    assert set(row[len(ours.encode("a dog")) + 2 :]) == {ours.pad_id}
    assert ours("") == [[ours.start_id, ours.end_id] + [ours.pad_id] * 62]


def test_a_vocabulary_without_its_marks_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"not among these 2 pieces: \[UNK\], \[CLS\], \[SEP\]"):
        WordPieceTokenizer(["[PAD]", "a"])
    file = tmp_path / "vocab.txt"
    file.write_text("the\nof\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"vocab\.txt is no WordPiece vocabulary .*it begins 'the'"):
        WordPieceTokenizer.from_vocabulary(file)
    file.write_bytes(b"[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\na\r\n")
    assert WordPieceTokenizer.from_vocabulary(file).encode("a") == [4], "a file from Windows"


def test_training_keeps_every_letter_and_the_commonest_words():
    captions = ["a red dog", "A red fox!", "a dog, a dög"]
    letters = sorted("aredgofx!,")
    tokenizer = WordPieceTokenizer.train(captions, vocab_size=4 + 2 * len(letters) + 2, context_length=16)
    assert tokenizer.pieces[4:-2] == [*letters, *(f"##{letter}" for letter in letters)]
    assert tokenizer.pieces[-2:] == ["dog", "red"]  # "a" is a letter; dog stands there three times, red twice
    assert tokenizer.decode(tokenizer("a red fox")[0]) == "a red fox"
    assert [tokenizer.pieces[i] for i in tokenizer.encode("fox")] == ["f", "##o", "##x"]
    with pytest.raises(ValueError, match=r"has no room for 4 special tokens and 10 letters, .* use at least 24"):
        WordPieceTokenizer.train(captions, vocab_size=20)
    with pytest.raises(TypeError, match="must be a list of texts"):
        WordPieceTokenizer.train("a red dog", vocab_size=100)
