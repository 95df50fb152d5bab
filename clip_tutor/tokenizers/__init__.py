"""From text to numbers: each tokenizer trains, encodes and decodes, and is written out in full."""

from clip_tutor.tokenizers.bpe import BPETokenizer

__all__ = ["BPETokenizer"]
