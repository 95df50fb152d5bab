"""Everything the kit measures of a model that learned from scenes, or from photographs, in one flat dictionary."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

from clip_tutor.data.batches import Photos
from clip_tutor.data.emoji import Emoji
from clip_tutor.data.pairs import Pair
from clip_tutor.data.scenes import Scenes, Split
from clip_tutor.embedding import embed_captions, embed_pictures
from clip_tutor.evaluation.attributes import attribute_hits
from clip_tutor.evaluation.retrieval import (
    bootstrap_interval,
    multi_caption_ranks,
    multi_caption_report,
    ranks,
    retrieval_report,
)
from clip_tutor.model import CLIP
from clip_tutor.printable import printable
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


def photo_report(model: CLIP, tokenizer: Tokenizer, pairs: Sequence[Pair]) -> dict[str, float]:
    """Return recall both ways among all pictures of a set and all their captions, as the literature counts.

    Pictures without a caption, and those that do not decode, are left out; the latter with a warning that names them.

    Keys: ``text_to_image_recall_at_1``, ``_5``, ``_10``, ``image_to_text_…``; ``text_to_image_recall_at_10_low`` and
    ``_high`` (95 % bootstrap interval); ``chance_at_10``, and how many pictures and captions there were.
    """
    photos = Photos(pairs, model.config.vision.image_size, augment=False)
    features: list[Tensor] = []
    captions: list[str] = []
    picture_of: list[int] = []
    for pair in pairs:
        try:
            pixels = photos.pixels(pair.picture, 0) if pair.captions else None
        except (ValueError, FileNotFoundError) as error:
            warnings.warn(printable(f"left out of the test: {pair.name}: {error}", sys.stderr), stacklevel=2)
            continue
        if pixels is not None:
            features.append(pixels)
            picture_of += [len(features) - 1] * len(pair.captions)
            captions += pair.captions
    image_features = embed_pictures(model, torch.stack(features))
    text_features = embed_captions(model, tokenizer, captions, truncate=True)
    owner = torch.tensor(picture_of)
    report = multi_caption_report(image_features, text_features, owner)
    # Captions of one picture stand or fall together: it is pictures that are drawn with replacement.
    found = (multi_caption_ranks(image_features, text_features, owner)[0] < 10).float()
    low, high = bootstrap_interval(torch.zeros(len(features)).index_add_(0, owner, found) / owner.bincount())
    counts = {"test_pictures": len(features), "test_captions": len(captions), "chance_at_10": 10 / len(features)}
    return report | {"text_to_image_recall_at_10_low": low, "text_to_image_recall_at_10_high": high} | counts


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
