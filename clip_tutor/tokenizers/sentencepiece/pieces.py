"""A list of pieces with what is known of each, as SentencePiece and its readers keep it.

    0 <pad>  control      3 ▁       -2.0  normal       27 <0x0A>  byte
    1 </s>   control      4 s       -2.9  normal       …
    2 <unk>  unknown      5 ▁the    -3.1  normal

Control pieces never come from text. What no piece spells becomes bytes where the model has pieces for bytes,
and one ``<unk>`` for a whole run of such characters where it has none.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any, Literal, NamedTuple

from clip_tutor.tokenizers.sentencepiece.normalization import SPACE, Normalization


class PieceType(IntEnum):
    """What a piece is for, in SentencePiece's numbers."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4  # never cut and never merged with its neighbors
    UNUSED = 5
    BYTE = 6


class Piece(NamedTuple):
    """One entry; its place in the list is its id."""

    text: str
    score: float  # unigram: a log-probability. BPE: minus the place in the order of merges
    kind: PieceType = PieceType.NORMAL


@dataclass(frozen=True)
class Vocabulary:
    """What a published file says.

    Attributes:
        algorithm: how pieces are chosen.
        backend: whose file it is. SentencePiece and the Hub's ``tokenizers`` disagree in small things (ties,
            special tokens that a caption spells), and each is equal to the program that reads its file.
        merges: pairs in their order, if the file has them; otherwise scores give the order.
        added_tokens: pieces that are found in the raw text, before anything else happens to it.
    """

    algorithm: Literal["unigram", "bpe"]
    backend: Literal["sentencepiece", "tokenizers"]
    pieces: tuple[Piece, ...]
    normalization: Normalization
    byte_fallback: bool = False
    merges: tuple[tuple[str, str], ...] = ()
    added_tokens: tuple[str, ...] = ()

    def to_fields(self) -> dict[str, Any]:
        """Return everything in types that JSON knows."""
        steps = asdict(self.normalization)
        steps["precompiled_charsmap"] = base64.b64encode(self.normalization.precompiled_charsmap).decode("ascii")
        return vars(self) | {"normalization": steps}

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Vocabulary:
        """Return what ``to_fields`` gave."""
        steps = dict(fields["normalization"])
        steps["precompiled_charsmap"] = base64.b64decode(steps["precompiled_charsmap"])
        return cls(
            fields["algorithm"],
            fields["backend"],
            tuple(Piece(text, score, PieceType(kind)) for text, score, kind in fields["pieces"]),
            Normalization(**steps),
            fields["byte_fallback"],
            tuple((left, right) for left, right in fields["merges"]),
            tuple(fields["added_tokens"]),
        )


class PieceTable:
    """Pieces to ids and back.

    Args:
        vocabulary: where they come from.

    Raises:
        ValueError: the vocabulary has no piece for the unknown.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.pieces = vocabulary.pieces
        self.any_id_of = {piece.text: i for i, piece in enumerate(self.pieces)}
        in_text = (PieceType.NORMAL, PieceType.USER_DEFINED)
        self.token_to_id = {piece.text: i for i, piece in enumerate(self.pieces) if piece.kind in in_text}
        unknown = [i for i, piece in enumerate(self.pieces) if piece.kind == PieceType.UNKNOWN]
        if not unknown:
            raise ValueError(f"none of these {len(self.pieces)} pieces stands for the unknown: <unk> is missing")
        self.unknown_id = unknown[0]
        byte_ids = [self.any_id_of.get(f"<0x{byte:02X}>") for byte in range(256)]
        self._byte_ids = [i for i in byte_ids if i is not None] if vocabulary.byte_fallback else []
        self._prefix = vocabulary.normalization.add_dummy_prefix

    def id_of_first(self, *names: str) -> int | None:
        """Return the id of the first of these pieces that there is."""
        return next((self.any_id_of[name] for name in names if name in self.any_id_of), None)

    def ids(self, segments: Iterable[str]) -> list[int]:
        """Return the ids of a text that is cut into segments: a piece's own, or bytes, or the unknown."""
        ids: list[int] = []
        after_unknown = False
        for segment in segments:
            known = self.token_to_id.get(segment)
            if known is not None:
                ids.append(known)
            elif len(self._byte_ids) == 256:
                ids += [self._byte_ids[byte] for byte in segment.encode("utf-8")]
            elif not after_unknown:
                ids.append(self.unknown_id)
            after_unknown = known is None
        return ids

    def text(self, ids: Iterable[int]) -> str:
        """Return the text that ids stand for; the unknown is ``⁇``."""
        data = b""
        for i in ids:
            piece = self.pieces[i]
            if piece.kind == PieceType.BYTE:
                data += bytes([int(piece.text[3:5], 16)])
            elif piece.kind == PieceType.UNKNOWN:
                data += " ⁇ ".encode()
            elif piece.kind != PieceType.CONTROL:
                data += piece.text.replace(SPACE, " ").encode("utf-8")
        text = data.decode("utf-8", errors="replace")
        return text.removeprefix(" ") if self._prefix else text
