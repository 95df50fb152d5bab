"""A small language model of the kit's own blocks: what comes after these tokens, or after these vectors?

from clip_tutor.applications.language_model import LanguageModel, LanguageModelConfig, generate
model = LanguageModel(LanguageModelConfig(vocab_size=600, context_length=32, width=64, layers=2, heads=2))
generate(model, model.embed(ids), end_id=tokenizer.end_id, max_tokens=20)
"""

from clip_tutor.applications.language_model.generation import generate, greedy
from clip_tutor.applications.language_model.loss import next_token_loss
from clip_tutor.applications.language_model.model import LANGUAGE_MODELS, LanguageModel, LanguageModelConfig

__all__ = [
    "LANGUAGE_MODELS",
    "LanguageModel",
    "LanguageModelConfig",
    "generate",
    "greedy",
    "next_token_loss",
]
