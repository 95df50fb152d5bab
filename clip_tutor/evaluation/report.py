"""Everything the kit measures of a model that learned from scenes, in one flat dictionary."""

from __future__ import annotations

from collections.abc import Sequence

from clip_tutor.data.emoji import Emoji
from clip_tutor.data.scenes import Scenes, Split
from clip_tutor.embedding import embed_captions, embed_pictures
from clip_tutor.evaluation.attributes import attribute_hits
from clip_tutor.evaluation.retrieval import bootstrap_interval, ranks, retrieval_report
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer


def retrieval_on(
    model: CLIP,
    tokenizer: Tokenizer,
    objects: Sequence[Emoji],
    split: Split = "test",
    count: int = 1000,
    seed: int = 0,
) -> dict[str, float]:
    """Return recall both ways among ``count`` unseen scenes whose captions all say different things."""
    scenes = Scenes(objects, split, model.config.vision.image_size, seed)
    batch = scenes.batch(scenes.distinct(count))
    image_features = embed_pictures(model, batch.pixels)
    return retrieval_report(image_features, embed_captions(model, tokenizer, batch.captions, truncate=True))


def full_report(
    model: CLIP, tokenizer: Tokenizer, objects: Sequence[Emoji], count: int = 1000, seed: int = 0
) -> dict[str, float]:
    """Return recall among ``count`` unseen scenes and every attribute's zero-shot accuracy.

    Keys: ``recall_at_1`` and so on (text→image) with ``recall_at_1_low`` and ``_high`` (95 % bootstrap interval),
    ``image_to_text_recall_at_1``…, ``compositional_recall_at_1``…, ``zero_shot_object`` and so on with one prompt,
    ``zero_shot_object_ensemble`` with several.
    """
    scenes = Scenes(objects, "test", model.config.vision.image_size, seed)
    batch = scenes.batch(scenes.distinct(count))
    image_features = embed_pictures(model, batch.pixels)
    text_features = embed_captions(model, tokenizer, batch.captions, truncate=True)
    report = retrieval_report(image_features, text_features)
    similarity = text_features @ image_features.T
    low, high = bootstrap_interval(ranks(similarity) < 1)
    report |= {"recall_at_1_low": low, "recall_at_1_high": high}
    unseen_pairs = retrieval_on(model, tokenizer, objects, "compositional", count, seed)
    report |= {f"compositional_{key}": value for key, value in unseen_pairs.items()}
    for ensemble, suffix in ((False, ""), (True, "_ensemble")):
        hits = attribute_hits(model, tokenizer, image_features, batch.scenes, objects, ensemble)
        report |= {f"zero_shot_{name}{suffix}": hit.float().mean().item() for name, hit in hits.items()}
    return report
