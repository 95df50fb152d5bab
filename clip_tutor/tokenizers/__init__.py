"""From text to numbers: each tokenizer is written out in full, and equal to the published one id by id.

Read `bpe` first: byte-pair encoding, the plain way. `BPETokenizer` here is its fast form, from `bpe_fast`.
"""

import json

from clip_tutor.tokenizers.base import Tokenizer
from clip_tutor.tokenizers.bpe_fast import BPETokenizer
from clip_tutor.tokenizers.gpt2 import GPT2Tokenizer
from clip_tutor.tokenizers.sentencepiece import SentencePieceBPETokenizer, UnigramTokenizer
from clip_tutor.tokenizers.wordpiece import WordPieceTokenizer

__all__ = [
    "BPETokenizer",
    "GPT2Tokenizer",
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
    try:
        tokenizer = KINDS[json.loads(text)["kind"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"this is no tokenizer of the kinds {', '.join(KINDS)} ({error!r}); it begins {text[:40]!r}"
        ) from error
    return tokenizer.from_json(text)


KINDS: dict[str, type[Tokenizer]] = {
    "bpe": BPETokenizer,
    "gpt2": GPT2Tokenizer,
    "wordpiece": WordPieceTokenizer,
    "unigram": UnigramTokenizer,
    "sentencepiece_bpe": SentencePieceBPETokenizer,
}
