"""Which words a text tower knows: its number of ids tells the vocabulary, and the vocabulary has a file on the Hub.

49,408  CLIP's byte pairs      32,000   SigLIP's unigrams
30,522  BERT's word pieces     256,000  Gemma's byte pairs, in many languages (SigLIP 2)
50,257  GPT-2's byte pairs, of a language model
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from clip_tutor.tokenizers import (
    BPETokenizer,
    GPT2Tokenizer,
    SentencePieceBPETokenizer,
    Tokenizer,
    UnigramTokenizer,
    WordPieceTokenizer,
)
from clip_tutor.towers import TextTowerConfig
from clip_tutor.weights.hub import carried_by_open_clip, fetch


class VocabularyFile(NamedTuple):
    """A published vocabulary."""

    name: str
    repo: str  # on the Hub
    file: str
    revision: str
    read: Callable[..., Tokenizer]  # from a file, and the context length


VOCABULARIES = {
    49_408: VocabularyFile(
        "clip",
        "openai/clip-vit-base-patch32",
        "merges.txt",
        "3d74acf9a28c67741b2f4f2ea7635f0aaf6f0268",
        BPETokenizer.from_vocabulary,
    ),
    50_257: VocabularyFile(
        "gpt2",
        "openai-community/gpt2",
        "merges.txt",
        "607a30d783dfa663caf39e06633721c8d4cfcd7e",
        GPT2Tokenizer.from_vocabulary,
    ),
    32_000: VocabularyFile(
        "siglip",
        "google/siglip-base-patch16-224",
        "spiece.model",
        "7fd15f0689c79d79e38b1c2e2e2370a7bf2761ed",
        UnigramTokenizer.from_vocabulary,
    ),
    256_000: VocabularyFile(
        "gemma",
        "google/siglip2-base-patch16-224",
        "tokenizer.json",
        "75de2d55ec2d0b4efc50b3e9ad70dba96a7b2fa2",
        SentencePieceBPETokenizer.from_vocabulary,
    ),
    30_522: VocabularyFile(
        "bert",
        "google-bert/bert-base-uncased",
        "vocab.txt",
        "86b5e0934494bd15c9632b12f734a8a67f723594",
        WordPieceTokenizer.from_vocabulary,
    ),
}


def vocabulary(name: str) -> Path:
    """Return the file of a published vocabulary, from the cache or from the Hub.

    Their names are "clip", "gpt2", "siglip", "gemma" and "bert". CLIP's is also taken from an installed OpenCLIP,
    which carries it.

    Raises:
        KeyError: there is no vocabulary of this name.
        FileNotFoundError: it is not there and cannot be fetched; the message says how to get it.
    """
    found = {one.name: one for one in VOCABULARIES.values()}
    if name not in found:
        raise KeyError(f"there is no vocabulary {name!r}: take one of {', '.join(found)}")
    one = found[name]
    carried = carried_by_open_clip() if name == "clip" else None
    return carried or fetch(one.repo, one.file, one.revision)


def tokenizer_for(text: TextTowerConfig, path: str | Path | None = None) -> Tokenizer:
    """Return the tokenizer whose ids a text tower reads.

    Args:
        text: the tower.
        path: the vocabulary's file, if you have it.

    Raises:
        ValueError: no published vocabulary has as many ids.
        FileNotFoundError: see `vocabulary`.
    """
    if text.vocab_size not in VOCABULARIES:
        known = ", ".join(f"{size:,} ({one.name})" for size, one in VOCABULARIES.items())
        raise ValueError(f"no published vocabulary has {text.vocab_size:,} ids: known are {known}")
    one = VOCABULARIES[text.vocab_size]
    return one.read(path or vocabulary(one.name), context_length=text.context_length)
