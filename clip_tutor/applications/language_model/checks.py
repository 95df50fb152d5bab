"""What a language model refuses, in words that say what to do."""

from torch import Tensor

from clip_tutor.applications.language_model.config import LanguageModelConfig
from clip_tutor.tokenizers import Tokenizer


def check_embeddings(embeddings: Tensor, context_length: int, width: int) -> None:
    """Refuse what a language model cannot read.

    Args:
        embeddings: should be (B, T, D), with 1 to ``context_length`` tokens of D = ``width`` numbers.

    Raises:
        ValueError: they have another shape.
    """
    if embeddings.ndim != 3:
        raise ValueError(
            f"a language model reads embeddings of shape (B, T, D), and these have {tuple(embeddings.shape)}: "
            "turn ids into vectors with model.embed(ids), and give a single text a batch dimension"
        )
    _, T, D = embeddings.shape
    if T == 0:
        raise ValueError(
            "the prompt is empty, and the next token is predicted from those before it: begin with the vectors of a "
            "prefix or with the embedding of a start token"
        )
    if width != D:
        raise ValueError(
            f"these embeddings are {D} wide, and this language model's are {width}: "
            f"map a prefix to {width} numbers a token"
        )
    if context_length < T:
        raise ValueError(
            f"the context holds {context_length} tokens, and these are {T}: shorten the text or the prefix"
        )


def check_prompt(embeddings: Tensor, max_tokens: int, config: LanguageModelConfig) -> None:
    """Refuse what cannot be continued: see `check_embeddings`, and a text that would outgrow the context.

    Args:
        embeddings: (B, T, D), what is there already.

    Raises:
        ValueError: they have another shape, or ``max_tokens`` more do not fit, or are none.
    """
    context_length = config.context_length
    check_embeddings(embeddings, context_length, config.width)
    if max_tokens < 1:
        raise ValueError(f"max_tokens is {max_tokens}: ask for at least one token")
    T = embeddings.shape[1]
    if context_length < T + max_tokens:
        left = context_length - T
        advice = f"ask for at most {left}" if left > 0 else "shorten the prompt"
        raise ValueError(
            f"a prompt of {T} tokens and {max_tokens} new ones need {T + max_tokens} places, "
            f"and the context has {context_length}: {advice}"
        )


def check_vocabulary(tokenizer: Tokenizer, config: LanguageModelConfig) -> None:
    """Refuse a tokenizer whose ids are not the language model's.

    Raises:
        ValueError: one has more ids than the other.
    """
    if tokenizer.vocab_size != config.vocab_size:
        raise ValueError(
            f"this tokenizer has {tokenizer.vocab_size:,} ids and the language model {config.vocab_size:,}: "
            "take the vocabulary that the model was trained with, or build the model with vocab_size="
            f"{tokenizer.vocab_size}"
        )
