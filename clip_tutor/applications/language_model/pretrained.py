"""GPT-2 with its published weights and its own tokenizer.

name ─ LANGUAGE_MODELS ─▶ shape, on no device ─┐
                                               ├─ rename, transpose, fit ─▶ model
weights ─ Hub, cache or path ─▶ tensors ───────┘
vocabulary ─ Hub, cache or path ─▶ tokenizer, whose ids must be the model's
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from clip_tutor.applications.language_model.checks import check_vocabulary
from clip_tutor.applications.language_model.config import LANGUAGE_MODELS, LanguageModelConfig
from clip_tutor.applications.language_model.model import LanguageModel
from clip_tutor.tokenizers import GPT2Tokenizer
from clip_tutor.weights import published
from clip_tutor.weights.adopting import adopt
from clip_tutor.weights.containers import file_in, read_checkpoint
from clip_tutor.weights.hub import fetch
from clip_tutor.weights.names.gpt2 import GPT2, HEAD, TOKENS
from clip_tutor.weights.own import fit
from clip_tutor.weights.renaming import rename, their_names
from clip_tutor.weights.vocabularies import vocabulary as published_vocabulary


class LoadedLanguageModel(NamedTuple):
    """A language model, in evaluation mode, and the tokenizer whose ids it reads and writes."""

    model: LanguageModel
    tokenizer: GPT2Tokenizer


def load_language_model(
    name: str = "gpt2",
    weights: str | Path | None = None,
    vocabulary: str | Path | None = None,
    dtype: torch.dtype = torch.float32,
) -> LoadedLanguageModel:
    """Return a published language model and its tokenizer.

    Args:
        name: one of `LANGUAGE_MODELS`.
        weights: a file or folder in transformers' layout, where it should not come from the Hub or its cache.
        vocabulary: a ``merges.txt``, likewise.
        dtype: of the weights.

    Raises:
        KeyError: there is no language model of this name.
        FileNotFoundError: a file is neither here nor to be had; the message says how to get it.
        ValueError: a file is damaged, or holds another architecture or vocabulary.
    """
    if name not in LANGUAGE_MODELS:
        raise KeyError(f"there is no language model {name!r}: take {', '.join(LANGUAGE_MODELS)}")
    config = LANGUAGE_MODELS[name]
    place = published.LANGUAGE_MODELS[name]
    path = file_in(Path(weights)) if weights else fetch(place.repo, place.file, place.revision)
    merges = vocabulary or published_vocabulary(name)
    tokenizer = GPT2Tokenizer.from_vocabulary(merges, config.context_length)
    check_vocabulary(tokenizer, config)
    return LoadedLanguageModel(assemble_gpt2(config, read_checkpoint(path), path, dtype), tokenizer)


def assemble_gpt2(
    config: LanguageModelConfig, tensors: Mapping[str, Tensor], source: str | Path, dtype: torch.dtype = torch.float32
) -> LanguageModel:
    """Return a language model with the tensors of a GPT-2, in evaluation mode.

    Args:
        tensors: by transformers' names, with or without the head.
        source: where they come from, for the error.

    Raises:
        ValueError: they belong to another architecture, or the head is not the token embedding.
    """
    head = tensors.get(HEAD)
    tied = next((tensors[name] for name in TOKENS if name in tensors), head)
    if head is not None and tied is not None and not (head is tied or torch.equal(head, tied)):
        raise ValueError(
            f"in {source}, {HEAD} differs from the token embedding, and this model has one matrix for both: "
            "take weights that were trained with tied embeddings, as GPT-2's are"
        )
    with torch.device("meta"):
        model = LanguageModel(config)

    def their_name(name: str) -> str:
        return their_names(name, GPT2)

    ready = adopt(rename(tensors, GPT2, source), model.state_dict(), dtype, source, their_name)
    fit(model, ready, source, their_name, assign=True)
    return model.eval().requires_grad_(True)
