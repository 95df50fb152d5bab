"""SentencePiece's two tokenizers, SigLIP's unigram and SigLIP 2's byte-pair encoding, and the files that they come in.

    text ──normalization (charsmap)──▶ "▁two▁dogs" ──unigram or bpe──▶ pieces ──ids──▶ a row with an end token

`pieces` is what a published file says, `model_file` and `hub_file` read it, `tokenizer` is what both tokenizers share.
"""

from clip_tutor.tokenizers.sentencepiece.bpe import SentencePieceBPETokenizer
from clip_tutor.tokenizers.sentencepiece.unigram import UnigramTokenizer

__all__ = ["SentencePieceBPETokenizer", "UnigramTokenizer"]
