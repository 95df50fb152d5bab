"""The shape of a language model, and GPT-2's, by name."""

from dataclasses import dataclass

from clip_tutor.towers.attention import Activation


@dataclass(frozen=True)
class LanguageModelConfig:
    """The shape of a language model; what is not said is GPT-2's."""

    vocab_size: int  # V
    context_length: int  # T at most, a prefix included
    width: int  # D
    layers: int
    heads: int  # K
    activation: Activation = "gelu_tanh"
    eps: float = 1e-5  # of every LayerNorm


# Radford et al. 2019, table 2, the smallest: 124,439,808 parameters.
LANGUAGE_MODELS = {"gpt2": LanguageModelConfig(vocab_size=50_257, context_length=1024, width=768, layers=12, heads=12)}
