"""Reads ``tokenizer.json``, the Hub's one file for every kind of tokenizer.

{"normalizer": …, "pre_tokenizer": …,                    what happens to the text
 "added_tokens": [{"id": 1, "content": "<eos>", …}],     found in the raw text
 "model": {"type": "Unigram", "vocab": [["▁a", -3.1], …], "unk_id": 2}
       or {"type": "BPE", "vocab": {"▁a": 7, …}, "merges": ["▁ a", …], "byte_fallback": true}}
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import regex

from clip_tutor.tokenizers.cleaning import replace_surrogates
from clip_tutor.tokenizers.files import read_vocabulary
from clip_tutor.tokenizers.sentencepiece.model_file import read_model
from clip_tutor.tokenizers.sentencepiece.normalization import Normalization
from clip_tutor.tokenizers.sentencepiece.pieces import Piece, PieceType, Vocabulary

_BYTE = regex.compile(r"<0x[0-9A-F]{2}>")


def _steps(step: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    """Yield the single steps of a normalizer or a pre-tokenizer, which may be a sequence of sequences."""
    if step:
        yield step
        for inner in [*step.get("normalizers", ()), *step.get("pretokenizers", ())]:
            yield from _steps(inner)


def _normalization(fields: dict[str, Any]) -> Normalization:
    steps = [*_steps(fields.get("normalizer")), *_steps(fields.get("pre_tokenizer"))]
    kinds = {step["type"] for step in steps}
    charsmaps = [step["precompiled_charsmap"] for step in steps if step["type"] == "Precompiled"]
    spaces = [step for step in steps if step["type"] == "Metaspace"]
    prefix = "Prepend" in kinds or any(step.get("prepend_scheme", "always") != "never" for step in spaces)
    squeeze = bool(kinds & {"WhitespaceSplit", "Strip"})
    return Normalization(base64.b64decode(charsmaps[0]) if charsmaps else b"", prefix, squeeze)


def _pieces(fields: dict[str, Any]) -> list[Piece]:
    """Return the pieces by id; scores are log-probabilities (unigram) or zero (BPE, whose merges give the order)."""
    model, added = fields["model"], {token["content"]: token for token in fields.get("added_tokens", ())}
    if model["type"] == "Unigram":
        entries = [(text, float(score)) for text, score in model["vocab"]]
        unknown = entries[model["unk_id"]][0]
    else:
        by_id = {i: text for text, i in model["vocab"].items()} | {t["id"]: t["content"] for t in added.values()}
        entries = [(by_id[i], 0.0) for i in range(len(by_id))]
        unknown = model["unk_token"]

    def kind_of(text: str) -> PieceType:
        if text == unknown:
            return PieceType.UNKNOWN
        if text in added and added[text].get("special"):
            return PieceType.CONTROL
        if replace_surrogates(text) != text:
            raise ValueError(f"the piece {text!r} holds half a character (a lone surrogate)")
        return PieceType.BYTE if _BYTE.fullmatch(text) else PieceType.NORMAL

    return [Piece(text, score, kind_of(text)) for text, score in entries]


def read_pieces(path: str | Path) -> Vocabulary:
    """Return what a published vocabulary says: a SentencePiece ``.model``, or the Hub's ``tokenizer.json``.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is neither, was cut off, or is for another kind of tokenizer.
    """
    data = read_vocabulary(path)
    if not data.lstrip().startswith(b"{"):
        return read_model(path)
    try:
        fields = json.loads(data)
        model = fields["model"]
        kind = model["type"]
        if kind not in ("Unigram", "BPE"):
            raise ValueError(f"its model is of the type {kind!r}")
        pairs = (merge.split(" ") if isinstance(merge, str) else merge for merge in model.get("merges", ()))
        return Vocabulary(
            "unigram" if kind == "Unigram" else "bpe",
            "tokenizers",
            tuple(_pieces(fields)),
            _normalization(fields),
            bool(model.get("byte_fallback")),
            tuple((left, right) for left, right in pairs),
            tuple(token["content"] for token in fields.get("added_tokens", ())),
        )
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{path} is no tokenizer.json with unigram or BPE pieces ({error!r})") from error
