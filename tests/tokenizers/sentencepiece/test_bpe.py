"""Our SentencePiece BPE against SentencePiece itself and against SigLIP 2's tokenizer in transformers."""

import itertools

import pytest
import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from transformers import Siglip2Tokenizer

from clip_tutor.tokenizers import SentencePieceBPETokenizer
from clip_tutor.tokenizers.sentencepiece.pieces import PieceType

WHOLE = {"add_dummy_prefix": False, "remove_extra_whitespaces": False}


def lowered(text: str) -> str:
    return "".join(letter.lower() for letter in text)


@pytest.mark.slow
@pytest.mark.parametrize("rules", ["nmt_nfkc", "identity"])
@pytest.mark.parametrize("byte_fallback", [True, False])
@pytest.mark.parametrize(
    "more", [{}, WHOLE, {"user_defined_symbols": ["<table>", "snow", "=="]}], ids=["", "whole", "defined"]
)
def test_ids_equal_those_of_sentencepiece(train_sentencepiece, captions, rules, byte_fallback, more):
    file = train_sentencepiece(model_type="bpe", normalization_rule_name=rules, byte_fallback=byte_fallback, **more)
    published = sentencepiece.SentencePieceProcessor(model_file=str(file))
    some = captions if byte_fallback and rules == "nmt_nfkc" and not more else captions[::5]
    ours = SentencePieceBPETokenizer.from_vocabulary(file)
    theirs = published.encode([lowered(caption) for caption in some])
    for caption, their_ids in zip(some, theirs, strict=True):
        assert ours.encode(caption) == their_ids, repr(caption)


@pytest.fixture(scope="module")
def ours(gemma_model):
    return SentencePieceBPETokenizer.from_vocabulary(gemma_model)


@pytest.fixture(scope="module")
def published(ours):
    """SigLIP 2's tokenizer with the same pieces; its merges are all the ways to put a piece together."""
    pieces = ours.vocabulary.pieces
    ids = {piece.text: i for i, piece in enumerate(pieces)}
    ranked = [
        (-piece.score, i, piece.text[:cut], piece.text[cut:])
        for i, piece in enumerate(pieces)
        if piece.kind == PieceType.NORMAL
        for cut in range(1, len(piece.text))
    ]
    merges = [(left, right) for _, _, left, right in sorted(ranked) if left in ids and right in ids]
    return Siglip2Tokenizer(vocab=ids, merges=merges)


@pytest.fixture(scope="module")
def from_hub(published, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hub")
    published.save_pretrained(folder)
    return SentencePieceBPETokenizer.from_vocabulary(folder / "tokenizer.json")


@pytest.mark.slow
def test_ids_equal_those_of_siglip_2(from_hub, published, captions):
    theirs = published(captions, add_special_tokens=False)["input_ids"]
    for caption, their_ids in zip(captions, theirs, strict=True):
        assert from_hub.encode(caption) == their_ids, repr(caption)


@pytest.mark.slow
def test_both_files_give_the_same_ids(ours, from_hub, captions):
    """But for special_tokens that a caption spells: only the Hub's program gives them their ids."""
    special_tokens = [text for text in from_hub.vocabulary.added_tokens if text != "<mask>"]
    plain = [caption for caption in captions if not any(mark in caption for mark in special_tokens)]
    assert [ours.encode(caption) for caption in plain] == [from_hub.encode(caption) for caption in plain]
    assert from_hub.encode("a<eos>b") == [*from_hub.encode("a"), from_hub.end_id, *from_hub.encode("b")]
    assert ours.end_id not in ours.encode("a<eos>b")


def test_a_row_is_ids_an_end_mark_and_padding(ours, from_hub):
    for tokenizer in (ours, from_hub):
        ids = tokenizer.encode("a red dog")
        assert tokenizer("a red dog") == [[*ids, 1, *[0] * (63 - len(ids))]]
        assert tokenizer("") == [[1] + [0] * 63]
        (cut,) = tokenizer(["dog " * 200], truncate=True)
        assert (len(cut), cut[-1]) == (64, 1)


def test_upper_and_lower_case_are_one(ours):
    assert ours.encode("A Red DOG") == ours.encode("a red dog")


def test_digits_stay_apart_and_spaces_count(ours):
    assert [ours.vocabulary.pieces[i].text for i in ours.encode("2021")] == ["2", "0", "2", "1"]
    assert ours.encode("a  dog") != ours.encode("a dog")


def test_what_no_piece_spells_becomes_bytes(ours):
    ids = ours.encode("𓀀")
    assert [ours.vocabulary.pieces[i].text for i in ids] == ["<0xF0>", "<0x93>", "<0x80>", "<0x80>"]
    assert ours.decode(ids) == "𓀀"
    assert ours.decode(ids[:2]) == "\ufffd", "half a character"


def test_decode_gives_back_what_was_encoded(ours, captions):
    for caption in captions[::20]:
        assert ours.decode(ours.encode(caption)) == lowered(caption).replace("▁", " "), repr(caption)
    assert ours.decode(ours("A red dog")[0]) == "a red dog"


def test_a_run_of_one_letter_is_merged_from_the_left(train_sentencepiece):
    file = train_sentencepiece(model_type="bpe", normalization_rule_name="identity")
    published = sentencepiece.SentencePieceProcessor(model_file=str(file))
    ours = SentencePieceBPETokenizer.from_vocabulary(file)
    texts = ["".join(letters) * 2 for letters in itertools.product("=-", repeat=8)]
    assert [ours.encode(text) for text in texts] == published.encode(texts)


def test_a_better_pair_that_a_merge_has_just_made_goes_first(tmp_path):
    """A trainer gives no such scores, a file may: "aba" is better than the "ab" that it is made of."""
    model = sentencepiece_model_pb2.ModelProto()
    model.pieces.add(piece="<unk>", type=PieceType.UNKNOWN)
    model.pieces.add(piece="</s>", type=PieceType.CONTROL)
    for piece, score in (("a", -9), ("b", -9), ("ab", -2), ("aba", -1)):
        model.pieces.add(piece=piece, score=score)
    model.trainer_spec.model_type = 2
    model.normalizer_spec.add_dummy_prefix = False
    file = tmp_path / "tokenizer.model"
    file.write_bytes(model.SerializeToString())
    ours = SentencePieceBPETokenizer.from_vocabulary(file)
    published = sentencepiece.SentencePieceProcessor(model_file=str(file))
    assert ours.encode("abab") == published.encode("abab") == [5, 3]
    texts = ["".join(letters) for letters in itertools.product("ab", repeat=9)]
    assert [ours.encode(text) for text in texts] == published.encode(texts)


def test_other_vocabularies_are_refused(siglip_model):
    with pytest.raises(ValueError, match="use UnigramTokenizer"):
        SentencePieceBPETokenizer.from_vocabulary(siglip_model)
