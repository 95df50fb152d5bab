"""Flamingo: a language model is shown images, and answers about the last one as it saw it done before.

    from clip_tutor.applications.flamingo import few_shot_prompt, generate, image_places, load_flamingo
    flamingo, tokenizer, image_tower, _, _ = load_flamingo()
    features = image_places(image_tower, pixels)[None]  # a row with one image for each mark
    prompt = few_shot_prompt([tokenizer.encode("a rocket")], flamingo.image_id, tokenizer.end_id)
    generate(flamingo, features, torch.tensor([prompt]), end_id=tokenizer.end_id, max_tokens=20)

Two models that are trained already stay as they are, an image tower and a language model. What learns stands between.
Read `clip_tutor.towers.cross_attention` first, then `resampler`, `gated`, `masks`, `model`, `loss`, `prompting`.
"""

from clip_tutor.applications.flamingo.files import LoadedFlamingo, load_flamingo, origin_of, save_flamingo
from clip_tutor.applications.flamingo.gated import GatedCrossAttention
from clip_tutor.applications.flamingo.loss import answer_targets, flamingo_loss
from clip_tutor.applications.flamingo.masks import image_mask, images_seen
from clip_tutor.applications.flamingo.model import Flamingo, FlamingoConfig
from clip_tutor.applications.flamingo.places import image_places
from clip_tutor.applications.flamingo.prompting import answer_log_likelihoods, few_shot_prompt, generate
from clip_tutor.applications.flamingo.resampler import PerceiverResampler, ResamplerConfig

__all__ = [
    "Flamingo",
    "FlamingoConfig",
    "GatedCrossAttention",
    "LoadedFlamingo",
    "PerceiverResampler",
    "ResamplerConfig",
    "answer_log_likelihoods",
    "answer_targets",
    "few_shot_prompt",
    "flamingo_loss",
    "generate",
    "image_mask",
    "image_places",
    "images_seen",
    "load_flamingo",
    "origin_of",
    "save_flamingo",
]
