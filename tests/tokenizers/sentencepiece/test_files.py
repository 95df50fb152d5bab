"""Readers of published files: SentencePiece's messages and charsmaps, the Hub's JSON, and what is neither."""

import base64
import json
import unicodedata

import pytest
import sentencepiece
from sentencepiece import sentencepiece_model_pb2

from clip_tutor.tokenizers.sentencepiece.charsmap import CharsMap, _offset
from clip_tutor.tokenizers.sentencepiece.hub_file import read_pieces
from clip_tutor.tokenizers.sentencepiece.model_file import read_message, read_model
from clip_tutor.tokenizers.sentencepiece.normalization import Normalization, Normalizer
from clip_tutor.tokenizers.sentencepiece.pieces import Piece, PieceType, Vocabulary


@pytest.mark.slow
@pytest.mark.parametrize("model", ["siglip_model", "gemma_model"])
def test_a_model_is_read_as_by_the_protobuf_library(model, request):
    file = request.getfixturevalue(model)
    expected = sentencepiece_model_pb2.ModelProto.FromString(file.read_bytes())
    ours = read_model(file)
    assert ours.pieces == tuple((piece.piece, piece.score, piece.type) for piece in expected.pieces)
    assert ours.algorithm == {1: "unigram", 2: "bpe"}[expected.trainer_spec.model_type]
    assert ours.byte_fallback == expected.trainer_spec.byte_fallback
    for field in ("precompiled_charsmap", "add_dummy_prefix", "remove_extra_whitespaces", "escape_whitespaces"):
        assert getattr(ours.normalization, field) == getattr(expected.normalizer_spec, field)
    assert ours.backend == "sentencepiece"


def test_fields_of_a_message_are_read_whatever_they_are():
    proto = sentencepiece_model_pb2.ModelProto
    message = proto(pieces=[proto.SentencePiece(piece="é" * 100, score=-1.5, type=4)])
    message.trainer_spec.vocab_size = 300
    fields = list(read_message(message.SerializeToString()))
    assert [number for number, _ in fields] == [1, 2]
    assert dict(read_message(fields[0][1]))[1] == ("é" * 100).encode()
    assert dict(read_message(fields[1][1]))[4] == 300
    assert list(read_message(b"\x09" + b"\x01" * 8 + b"\x15" + b"\x02" * 4)) == [(1, b"\x01" * 8), (2, b"\x02" * 4)]


@pytest.mark.slow
@pytest.mark.parametrize("rules", ["nmt_nfkc", "nfkc", "nmt_nfkc_cf", "identity"])
def test_a_charsmap_rewrites_as_sentencepiece_does(train_sentencepiece, captions, rules):
    file = train_sentencepiece(model_type="bpe", normalization_rule_name=rules)
    published = sentencepiece.SentencePieceProcessor(model_file=str(file))
    normalize = Normalizer(read_model(file).normalization)
    letters = [chr(code) for code in range(1, 0x3000) if unicodedata.category(chr(code)) != "Cn"]
    pairs = [base + mark for base in "aeiou ΑΩкが" for mark in map(chr, range(0x300, 0x345))]
    for text in [*captions[::4], *letters, *pairs]:
        assert normalize(text) == published.Normalize(text), repr(text)


def test_a_charsmap_that_was_cut_off_is_refused(siglip_model):
    blob = read_model(siglip_model).normalization.precompiled_charsmap
    with pytest.raises(
        ValueError, match=f"says that its tree has .* bytes and is {len(blob) // 2} bytes long: cut off"
    ):
        CharsMap(blob[: len(blob) // 2])
    assert list(CharsMap(b"").matches(b"abc", 0)) == []
    assert list(CharsMap(blob).matches("ﬁn".encode(), 0)) == [(3, b"fi")]


def test_texts_defined_by_hand_are_not_rewritten(siglip_model):
    steps = read_model(siglip_model).normalization
    assert Normalizer(steps)("ﬁt ﬁn") == "▁fit▁fin"
    assert Normalizer(steps, ["ﬁ", "ﬁt"])("ﬁt ﬁn Ａ") == "▁ﬁt▁ﬁn▁A"
    assert Normalizer(steps, ["ﬁt"])("ﬁt ﬁn Ａ") == "▁ﬁt▁fin▁A"


def test_children_that_lie_far_away_are_counted_in_steps_of_256():
    """Only trees larger than any that is published have them."""
    assert [_offset(3 << 10), _offset(3 << 10 | 1 << 9)] == [3, 3 * 256]


def test_spaces_go_where_the_steps_say():
    text = "  two   dogs "
    assert Normalizer(Normalization())(text) == "▁two▁dogs"
    assert Normalizer(Normalization(add_dummy_prefix=False))(text) == "two▁dogs"
    assert Normalizer(Normalization(remove_extra_whitespaces=False))(text) == "▁▁▁two▁▁▁dogs▁"
    assert Normalizer(Normalization(escape_whitespaces=False))(text) == " two dogs"
    assert Normalizer(Normalization())("   ") == Normalizer(Normalization())("") == ""


def test_what_is_no_model_is_refused(siglip_model, tmp_path):
    def check(content: bytes, match: str) -> None:
        file = tmp_path / "spiece.model"
        file.write_bytes(content)
        with pytest.raises(ValueError, match=match) as caught:
            read_pieces(file)
        assert str(file) in str(caught.value)

    whole = siglip_model.read_bytes()
    check(b"", "is empty: download it again")
    check(b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 798330\n", "is a Git LFS pointer")
    check(b"<!DOCTYPE html><html>Not found</html>", "is a web page, not a vocabulary")
    check(whole[: len(whole) // 2], r"is no SentencePiece model, or was cut off")
    check(whole[:5], r"is no SentencePiece model, or was cut off")
    check(b"#version: 0.2\ni n\nt h\n", "is no SentencePiece model, .*it begins b'#version: 0.2")
    check(b"\x0a\xff", "it ends in the middle of a number")
    check(b"PK\x03\x04 a zip file", "is no SentencePiece model")
    words = sentencepiece_model_pb2.ModelProto.FromString(whole)
    words.trainer_spec.model_type = 3
    check(words.SerializeToString(), "is of a rare kind")
    with pytest.raises(FileNotFoundError, match="there is no vocabulary file at"):
        read_pieces(tmp_path / "other.model")


UNIGRAM = {
    "normalizer": {"type": "Sequence", "normalizers": [{"type": "Precompiled", "precompiled_charsmap": ""}]},
    "pre_tokenizer": {
        "type": "Sequence",
        "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "Metaspace", "prepend_scheme": "always"}],
    },
    "added_tokens": [{"id": 0, "content": "</s>", "special": True}],
    "model": {"type": "Unigram", "unk_id": 1, "vocab": [["</s>", 0.0], ["<unk>", 0], ["▁a", -1.5]]},
}
BPE = {
    "normalizer": {"type": "Replace"},
    "pre_tokenizer": None,
    "added_tokens": [{"id": 3, "content": "<eos>", "special": True}, {"id": 4, "content": "<b>", "special": False}],
    "model": {
        "type": "BPE",
        "unk_token": "<unk>",
        "byte_fallback": True,
        "vocab": {"<unk>": 0, "<0x0A>": 1, "a": 2},
        "merges": ["a a", ["a", "<unk>"]],
    },
}


def test_the_hubs_json_is_read(tmp_path):
    file = tmp_path / "tokenizer.json"
    file.write_text(json.dumps(UNIGRAM), encoding="utf-8")
    pieces = (Piece("</s>", 0.0, PieceType.CONTROL), Piece("<unk>", 0.0, PieceType.UNKNOWN), Piece("▁a", -1.5))
    assert read_pieces(file) == Vocabulary("unigram", "tokenizers", pieces, Normalization(), added_tokens=("</s>",))
    file.write_text(json.dumps(BPE), encoding="utf-8")
    found = read_pieces(file)
    assert [piece.kind for piece in found.pieces] == [
        PieceType.UNKNOWN,
        PieceType.BYTE,
        PieceType.NORMAL,
        PieceType.CONTROL,
        PieceType.NORMAL,
    ]
    assert found.merges == (("a", "a"), ("a", "<unk>")) and found.byte_fallback
    assert found.added_tokens == ("<eos>", "<b>")
    assert found.normalization == Normalization(b"", False, False)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('{"model": {"type": "WordPiece"}}', "its model is of the type 'WordPiece'"),
        ('{"model": {"type": "Unigram"}}', "KeyError"),
        ("{}", "KeyError"),
        ('{"model": ', "JSONDecodeError"),
        (json.dumps(BPE).replace('"a": 2', '"a": 7'), "KeyError"),
        (json.dumps(UNIGRAM).replace('charsmap": ""', 'charsmap": "abc"'), "Error"),
    ],
)
def test_other_json_is_refused(text, match, tmp_path):
    file = tmp_path / "tokenizer.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=rf"is no tokenizer\.json with unigram or BPE pieces .*{match}"):
        read_pieces(file)


def test_a_vocabulary_survives_json(siglip_model):
    vocabulary = read_model(siglip_model)
    fields = json.loads(json.dumps(vocabulary.to_fields()))
    assert Vocabulary.from_fields(fields) == vocabulary
    assert base64.b64decode(fields["normalization"]["precompiled_charsmap"])
