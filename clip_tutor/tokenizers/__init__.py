"""From text to numbers: each tokenizer is written out in full, and equal to the published one id by id."""

import json
from collections.abc import Callable

from clip_tutor.tokenizers.bpe import BPETokenizer
from clip_tutor.tokenizers.protocol import Tokenizer
from clip_tutor.tokenizers.sentencepiece import SentencePieceBPETokenizer, UnigramTokenizer
from clip_tutor.tokenizers.wordpiece import WordPieceTokenizer

__all__ = [
    "BPETokenizer",
    "SentencePieceBPETokenizer",
    "Tokenizer",
    "UnigramTokenizer",
    "WordPieceTokenizer",
    "from_json",
]


def from_json(text: str) -> Tokenizer:
    """Return the tokenizer that any tokenizer's ``to_json`` wrote.

    Raises:
        ValueError: the text is not JSON, or says that it is of no kind that is known here.
    """
    kinds: dict[str, Callable[[str], Tokenizer]] = {
        "bpe": BPETokenizer.from_json,
        "wordpiece": WordPieceTokenizer.from_json,
        "unigram": UnigramTokenizer.from_json,
        "sentencepiece_bpe": SentencePieceBPETokenizer.from_json,
    }
    try:
        kind = json.loads(text)["kind"]
        read = kinds[kind]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"this is no tokenizer of the kinds {', '.join(kinds)} ({error!r}); it begins {text[:40]!r}"
        ) from error
    return read(text)
