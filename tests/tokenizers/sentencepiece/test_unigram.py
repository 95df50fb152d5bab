"""Our unigram tokenizer against SentencePiece itself, against SigLIP's in transformers, and against OpenCLIP's way."""

import dataclasses
import itertools
import math
import re

import open_clip.tokenizer
import pytest
import sentencepiece
from transformers import SiglipTokenizer, T5TokenizerFast

from clip_tutor.tokenizers import UnigramTokenizer
from clip_tutor.tokenizers.cleaning import canonicalize
from clip_tutor.tokenizers.sentencepiece.normalization import Normalization
from clip_tutor.tokenizers.sentencepiece.pieces import Piece, PieceType, Vocabulary

WHOLE = {"add_dummy_prefix": False, "remove_extra_whitespaces": False}


def ids_of_raw(tokenizer: UnigramTokenizer, text: str) -> list[int]:
    """The ids without SigLIP's canonicalization: what SentencePiece alone computes."""
    return tokenizer._table.ids(tokenizer.viterbi(tokenizer._normalize(text)))


@pytest.mark.slow
@pytest.mark.parametrize("rules", ["nmt_nfkc", "identity"])
@pytest.mark.parametrize("byte_fallback", [True, False])
@pytest.mark.parametrize(
    "more", [{}, WHOLE, {"user_defined_symbols": ["<table>", "snow"]}], ids=["", "whole", "defined"]
)
def test_ids_equal_those_of_sentencepiece(train_sentencepiece, captions, rules, byte_fallback, more):
    file = train_sentencepiece(model_type="unigram", normalization_rule_name=rules, byte_fallback=byte_fallback, **more)
    published = sentencepiece.SentencePieceProcessor(model_file=str(file))
    some = captions if byte_fallback and rules == "nmt_nfkc" and not more else captions[::5]
    ours = UnigramTokenizer.from_vocabulary(file)
    for caption, theirs in zip(some, published.encode(some), strict=True):
        assert ids_of_raw(ours, caption) == theirs, repr(caption)


@pytest.fixture(scope="module")
def ours(siglip_model):
    return UnigramTokenizer.from_vocabulary(siglip_model)


@pytest.mark.slow
def test_ids_are_those_of_sentencepiece_on_canonical_text(ours, siglip_model, captions):
    published = sentencepiece.SentencePieceProcessor(model_file=str(siglip_model))
    canonical = [canonicalize(caption) for caption in captions]
    assert [ours.encode(caption) for caption in captions] == published.encode(canonical)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This sequence already has")
def test_rows_equal_siglips(ours, siglip_model, captions):
    """Where transformers differs, it chose another cut of the same text that is exactly as probable.

    It hides ``<unk>`` in front of each text, so that sums are rounded from another start. Besides, it drops an
    underscore where the model's authors put a space, lowers the case before it drops punctuation (which a Greek
    sigma notices), and reads special_tokens that a caption spells: captions with these are left out.
    """
    published = SiglipTokenizer(vocab_file=str(siglip_model))
    plain = [each for each in captions[::2] if not re.search(r"</s>|<unk>|_|Σ", each)]
    theirs = published(plain, padding="max_length", max_length=64, truncation=True)["input_ids"]
    different = 0
    for caption, row, their_row in zip(plain, ours(plain, truncate=True), theirs, strict=True):
        if row != their_row:
            different += 1
            both = [[ours.vocabulary.pieces[i] for i in ids] for ids in (row, their_row)]
            if row[-2] == ours.pad_id:  # not cut off: the same letters, in pieces of the same probability
                assert len({"".join(piece.text for piece in pieces) for pieces in both}) == 1, repr(caption)
                totals = [math.fsum(piece.score for piece in pieces) for pieces in both]
                assert totals[0] == pytest.approx(totals[1], abs=1e-4), repr(caption)
    assert len(plain) > 9000
    assert different < len(plain) / 100


@pytest.mark.slow
def test_ids_equal_those_of_openclips_way(ours, captions, tmp_path):
    """OpenCLIP canonicalizes and hands over to the Hub's program of ``tokenizer.json``."""
    pieces = [(piece.text, piece.score) for piece in ours.vocabulary.pieces]
    charsmap = ours.vocabulary.normalization.precompiled_charsmap
    published = T5TokenizerFast(vocab=pieces, _spm_precompiled_charsmap=charsmap, extra_ids=0)
    published.save_pretrained(tmp_path)
    from_hub = UnigramTokenizer.from_vocabulary(tmp_path / "tokenizer.json")
    texts = [open_clip.tokenizer.canonicalize_text(caption) for caption in captions]
    theirs = published(texts, add_special_tokens=False)["input_ids"]
    for caption, their_ids in zip(captions, theirs, strict=True):
        assert from_hub.encode(caption) == their_ids, repr(caption)
    assert from_hub("a dog") == ours("a dog")


def small(scores: dict[str, float], defined: tuple[str, ...] = ()) -> UnigramTokenizer:
    special_tokens = (Piece("<unk>", 0.0, PieceType.UNKNOWN), Piece("</s>", 0.0, PieceType.CONTROL))
    pieces = [Piece(text, score) for text, score in scores.items()]
    pieces += [Piece(text, 0.0, PieceType.USER_DEFINED) for text in defined]
    steps = Normalization(add_dummy_prefix=False)
    return UnigramTokenizer(Vocabulary("unigram", "sentencepiece", (*special_tokens, *pieces), steps))


def test_pieces_defined_by_hand_win_and_the_longest_of_them_most():
    tokenizer = small({"a": -0.1, "snow": -0.1, "now": -0.2}, ("sn", "ow", "ab", "cd", "efg", "abcde", "fg"))
    assert tokenizer.viterbi("snow") == ["sn", "ow"]
    assert tokenizer.viterbi("abcdefg") == ["abcde", "fg"]


def test_the_best_cut_is_the_best_of_all():
    scores = {"a": -1.0, "b": -1.5, "ab": -1.75, "ba": -3.0, "bab": -2.25, "aba": -4.0, "abab": -5.0}
    tokenizer = small(scores)
    for text in map("".join, itertools.product("ab", repeat=7)):
        totals = {}
        for cuts in itertools.product([False, True], repeat=6):
            edges = [0, *(i + 1 for i, cut in enumerate(cuts) if cut), 7]
            pieces = [text[start:end] for start, end in itertools.pairwise(edges)]
            if all(piece in scores for piece in pieces):
                totals[tuple(pieces)] = sum(scores[piece] for piece in pieces)
        assert totals[tuple(tokenizer.viterbi(text))] == max(totals.values())


@pytest.mark.slow
def test_ties_fall_as_in_the_program_that_reads_the_file(train_sentencepiece):
    file = train_sentencepiece(model_type="unigram", normalization_rule_name="identity")
    published = sentencepiece.SentencePieceProcessor(model_file=str(file))
    ours = UnigramTokenizer.from_vocabulary(file)
    hub = UnigramTokenizer(Vocabulary("unigram", "tokenizers", ours.vocabulary.pieces, ours.vocabulary.normalization))
    texts = ["".join(letters) * 3 for letters in itertools.product("=-", repeat=9)]
    texts += ["".join(letters) * 3 for letters in itertools.product("01", repeat=9)]
    assert [ids_of_raw(ours, text) for text in texts] == published.encode(texts)
    assert any(ids_of_raw(ours, text) != ids_of_raw(hub, text) for text in texts), "64 bits must make a difference"


def test_the_hubs_reader_cuts_word_by_word():
    """A piece that reaches over a space is found by SentencePiece alone."""
    sentencepieces = small({"▁a": -1.0, "▁b": -1.0, "a": -1.5, "a▁b": -0.5, "▁": -2.0}).vocabulary
    hub = UnigramTokenizer(dataclasses.replace(sentencepieces, backend="tokenizers"))
    ours = UnigramTokenizer(sentencepieces)
    assert [ours.vocabulary.pieces[i].text for i in ours.encode("a b")] == ["a▁b"]
    assert [hub.vocabulary.pieces[i].text for i in hub.encode("a b")] == ["a", "▁b"]


def test_unknown_letters_in_a_row_are_one_id():
    tokenizer = small({"a": -1.0, "c": -2.0})
    assert tokenizer.encode("axyza") == [2, 0, 2]
    assert tokenizer.decode([2, 0, 2]) == "a ⁇ a"
    assert small({"a": -1.0, "xyz": -40.0}).encode("axyza") == [2, 3, 2], "a rare piece is better than three unknown"


def test_a_row_ends_in_end_marks(ours):
    ids = ours.encode("a red dog")
    assert ours("a red dog") == [ids + [ours.end_id] * (64 - len(ids))]
    assert ours.end_id == ours.pad_id == 1
    assert ours("") == ours("?!") == [[1] * 64]
    assert UnigramTokenizer(ours.vocabulary, context_length=16)("a red dog") == [ours("a red dog")[0][:16]]


def test_decode_gives_back_canonical_text(ours, captions):
    for caption in captions[::50]:
        ids = ours.encode(caption)
        if ours._table.unknown_id not in ids:
            assert ours.decode(ids) == ours._normalize(canonicalize(caption)).replace("▁", " ").lstrip()
    assert ours.decode(ours("A red dog!")[0]) == "a red dog"


def test_other_vocabularies_are_refused(gemma_model):
    with pytest.raises(ValueError, match="use SentencePieceBPETokenizer"):
        UnigramTokenizer.from_vocabulary(gemma_model)
    steps = Normalization()
    with pytest.raises(ValueError, match="none of these 1 pieces is </s>"):
        UnigramTokenizer(Vocabulary("unigram", "sentencepiece", (Piece("<unk>", 0.0, PieceType.UNKNOWN),), steps))
    with pytest.raises(ValueError, match="<unk> is missing"):
        UnigramTokenizer(Vocabulary("unigram", "sentencepiece", (Piece("</s>", 0.0, PieceType.CONTROL),), steps))
