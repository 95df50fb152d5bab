"""Reads SentencePiece's ``.model`` files, which are Protocol Buffers, without a library for either.

    0A 0E │ 0A 05 E2 96 81 61 …      field 1, 14 bytes: a piece ──▶ its field 1, 5 bytes: the text "▁a…"
    tag  length   content            a tag is (number of the field) × 8 + (how its content is written)

A message is a list of such fields in any order, and a message inside a message is just a field of bytes. So
twenty lines read any of them, given the numbers of the fields that one wants.

Source: https://protobuf.dev/programming-guides/encoding and google/sentencepiece ``sentencepiece_model.proto``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from clip_tutor.tokenizers.files import read_vocabulary
from clip_tutor.tokenizers.sentencepiece.normalization import Normalization
from clip_tutor.tokenizers.sentencepiece.pieces import Piece, PieceType, Vocabulary

# Numbers of the fields that matter here, message by message.
_PIECES, _TRAINER, _NORMALIZER = 1, 2, 3
_TEXT, _SCORE, _KIND = 1, 2, 3
_MODEL_TYPE, _SPACE_AS_SUFFIX, _BYTE_FALLBACK = 3, 24, 35
_CHARSMAP, _DUMMY_PREFIX, _REMOVE_SPACES, _ESCAPE_SPACES = 2, 3, 4, 5


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number that begins at ``at``, seven bits a byte, the lowest first, and where it ends."""
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
        shift += 7


def read_message(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield each field of a Protocol Buffers message: its number, and an integer or the bytes of its content.

    Raises:
        ValueError: these bytes are no such message.
    """
    at = 0
    try:
        while at < len(data):
            tag, at = _varint(data, at)
            wire = tag & 7
            if wire == 0:
                value, at = _varint(data, at)
                yield tag >> 3, value
                continue
            length = {1: 8, 5: 4}.get(wire)
            if wire == 2:
                length, at = _varint(data, at)
            if length is None or at + length > len(data):
                raise ValueError(f"no field can begin so at byte {at}")
            yield tag >> 3, data[at : at + length]
            at += length
    except IndexError:
        raise ValueError("it ends in the middle of a number") from None


def _flag(fields: dict[int, int | bytes], number: int, default: bool) -> bool:
    return bool(fields.get(number, default))


def _piece(data: bytes) -> Piece:
    fields = dict(read_message(data))
    text, score, kind = fields.get(_TEXT, b""), fields.get(_SCORE, b"\0\0\0\0"), fields.get(_KIND, 1)
    if not (isinstance(text, bytes) and isinstance(score, bytes) and isinstance(kind, int)):
        raise ValueError("a piece is not made of a text, a score and a kind")
    return Piece(text.decode("utf-8"), struct.unpack("<f", score)[0], PieceType(kind))


def read_model(path: str | Path) -> Vocabulary:
    """Return what a SentencePiece model file says, of the unigram or the BPE kind.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is something else, was cut off, or wants what is not taught here.
    """
    data = read_vocabulary(path)
    pieces: list[Piece] = []
    trainer: dict[int, int | bytes] = {}
    normalizer: dict[int, int | bytes] = {}
    try:
        for number, value in read_message(data):
            if isinstance(value, bytes):
                if number == _PIECES:
                    pieces.append(_piece(value))
                elif number == _TRAINER:
                    trainer = dict(read_message(value))
                elif number == _NORMALIZER:
                    normalizer = dict(read_message(value))
        if not pieces or not trainer:
            raise ValueError("it has no pieces or no settings of a trainer")
    except (ValueError, struct.error) as error:
        raise ValueError(
            f"{path} is no SentencePiece model, or was cut off ({error}); it begins {data[:16]!r}. "
            "Published ones are called spiece.model or tokenizer.model"
        ) from error
    model_type = trainer.get(_MODEL_TYPE, 1)
    if model_type not in (1, 2) or _flag(trainer, _SPACE_AS_SUFFIX, False):
        raise ValueError(
            f"{path} is of a rare kind (words, characters, or spaces at the end): unigram or BPE is needed"
        )
    charsmap = normalizer.get(_CHARSMAP, b"")
    return Vocabulary(
        "unigram" if model_type == 1 else "bpe",
        "sentencepiece",
        tuple(pieces),
        Normalization(
            charsmap if isinstance(charsmap, bytes) else b"",
            _flag(normalizer, _DUMMY_PREFIX, True),
            _flag(normalizer, _REMOVE_SPACES, True),
            _flag(normalizer, _ESCAPE_SPACES, True),
        ),
        _flag(trainer, _BYTE_FALLBACK, False),
    )
