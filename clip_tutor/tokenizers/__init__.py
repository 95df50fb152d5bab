"""From text to numbers: each tokenizer is written out in full, and equal to the published one id by id."""

from clip_tutor.tokenizers.bpe import BPETokenizer
from clip_tutor.tokenizers.protocol import Tokenizer

__all__ = ["BPETokenizer", "Tokenizer"]
