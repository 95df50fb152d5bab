"""Everything the kit measures of a model that learned from scenes, or from photographs, in one flat dictionary."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence

import torch

from clip_tutor.data.emoji import Emoji
from clip_tutor.data.scenes import Scenes, Split
from clip_tutor.embedding import encode_images, encode_texts
from clip_tutor.evaluation.attributes import attribute_hits
from clip_tutor.evaluation.pair_vectors import encode_pairs
from clip_tutor.evaluation.retrieval import (
    bootstrap_interval,
    multi_caption_ranks,
    ranks,
    retrieval,
    retrieval_report,
)
from clip_tutor.evaluation.usable import NAMED, Pairs
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
    image_features = encode_images(model, batch.pixels)
    return retrieval_report(image_features, encode_texts(model, tokenizer, batch.captions, truncate=True))


def photo_report(model: CLIP, tokenizer: Tokenizer, pairs: Pairs) -> dict[str, float]:
    """Return recall both ways among all images of a set and all their captions, as the literature counts.

    Left out, with a warning that names them: images that do not decode or have no caption, and captions without words.
    Images are decoded a batch at a time, so that a set of any size fits into memory.

    Keys: ``text_to_image_recall_at_1``, ``_5``, ``_10``, ``image_to_text_…``; ``text_to_image_recall_at_10_low`` and
    ``_high`` (95 % bootstrap interval); ``chance_at_10``, and how many images and captions there were.

    Raises:
        TypeError: ``pairs`` is not a set, a stream or a list of pairs.
        ValueError: there is no pair, or none that can be measured.
    """
    encoded = encode_pairs(model, tokenizer, pairs)
    left_out, images = encoded.left_out, len(encoded.image_features)
    if left_out:
        more = f"\n  and {len(left_out) - NAMED} more" if len(left_out) > NAMED else ""
        message = "left out of the test:\n  " + "\n  ".join(left_out[:NAMED]) + more
        warnings.warn(printable(message, sys.stderr), stacklevel=2)
    encoded.require_some()
    image_features, text_features, image_of, _ = encoded
    report = retrieval(image_features, text_features, image_of).recalls()
    # Captions of one image stand or fall together: it is images that are drawn with replacement.
    found = (multi_caption_ranks(image_features, text_features, image_of)[0] < 10).float()
    low, high = bootstrap_interval(torch.zeros(images).index_add_(0, image_of, found) / image_of.bincount())
    counts = {"test_images": images, "test_captions": len(text_features), "chance_at_10": min(1.0, 10 / images)}
    return report | {"text_to_image_recall_at_10_low": low, "text_to_image_recall_at_10_high": high} | counts


def brief_report(
    model: CLIP, tokenizer: Tokenizer, objects: Sequence[Emoji], count: int = 1000, seed: int = 0
) -> dict[str, float]:
    """Return ``recall_at_1`` (text→image) among ``count`` unseen scenes and ``zero_shot_object`` and so on, one prompt.

    A twentieth of the time of `full_report`, for a look at a model that is being trained.
    """
    scenes = Scenes(objects, "test", model.config.vision.image_size, seed)
    batch = scenes.batch(scenes.distinct(count))
    image_features = encode_images(model, batch.pixels)
    text_features = encode_texts(model, tokenizer, batch.captions, truncate=True)
    hits = attribute_hits(model, tokenizer, image_features, batch.scenes, objects, ensemble=False)
    report = {"recall_at_1": retrieval_report(image_features, text_features)["recall_at_1"]}
    return report | {f"zero_shot_{name}": hit.float().mean().item() for name, hit in hits.items()}


def full_report(
    model: CLIP,
    tokenizer: Tokenizer,
    objects: Sequence[Emoji],
    count: int = 1000,
    seed: int = 0,
    asked: int = 1000,
) -> dict[str, float]:
    """Return recall among ``count`` unseen scenes and every attribute's zero-shot accuracy on ``asked`` of them.

    Keys: ``recall_at_1`` and so on (text→image) with ``recall_at_1_low`` and ``_high`` (95 % bootstrap interval),
    ``image_to_text_recall_at_1``…, ``compositional_recall_at_1``…, ``zero_shot_object`` and so on with one prompt,
    ``zero_shot_object_ensemble`` with several.
    """
    scenes = Scenes(objects, "test", model.config.vision.image_size, seed)
    batch = scenes.batch(scenes.distinct(count))
    image_features = encode_images(model, batch.pixels)
    text_features = encode_texts(model, tokenizer, batch.captions, truncate=True)
    report = retrieval_report(image_features, text_features)
    similarity = text_features @ image_features.T
    low, high = bootstrap_interval(ranks(similarity) < 1)
    report |= {"recall_at_1_low": low, "recall_at_1_high": high}
    unseen_pairs = retrieval_on(model, tokenizer, objects, "compositional", count, seed)
    report |= {f"compositional_{key}": value for key, value in unseen_pairs.items()}
    batches = [scenes.batch(range(start, min(start + 1000, asked))) for start in range(0, asked, 1000)]
    image_features = torch.cat([encode_images(model, batch.pixels) for batch in batches])
    questions = [scene for batch in batches for scene in batch.scenes]
    for ensemble, suffix in ((False, ""), (True, "_ensemble")):
        hits = attribute_hits(model, tokenizer, image_features, questions, objects, ensemble)
        report |= {f"zero_shot_{name}{suffix}": hit.float().mean().item() for name, hit in hits.items()}
    return report
