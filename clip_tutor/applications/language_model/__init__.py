"""A causal language model of the kit's own blocks: what comes after these tokens, or after these vectors?

    from clip_tutor.applications.language_model import LanguageModel, LanguageModelConfig, generate
    model = LanguageModel(LanguageModelConfig(vocab_size=600, context_length=32, width=64, layers=2, heads=2))
    generate(model, model.embed(ids), end_id=tokenizer.end_id, max_tokens=20)
    model, tokenizer = load_language_model("gpt2")

Read `model`, `loss`, `choosing`, `generation`, `beam` in this order. `generate` and `generate_beam` here are their fast
forms, from `cached`.
"""

from clip_tutor.applications.language_model.cached import generate, generate_beam
from clip_tutor.applications.language_model.checks import check_vocabulary
from clip_tutor.applications.language_model.choosing import greedy, top_p
from clip_tutor.applications.language_model.config import LANGUAGE_MODELS, LanguageModelConfig
from clip_tutor.applications.language_model.loss import next_token_loss
from clip_tutor.applications.language_model.model import LanguageModel
from clip_tutor.applications.language_model.pretrained import LoadedLanguageModel, load_language_model

__all__ = [
    "LANGUAGE_MODELS",
    "LanguageModel",
    "LanguageModelConfig",
    "LoadedLanguageModel",
    "check_vocabulary",
    "generate",
    "generate_beam",
    "greedy",
    "load_language_model",
    "next_token_loss",
    "top_p",
]
