"""From pairs of images and captions to vectors, a batch at a time, so that a set of any size fits into memory."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from clip_tutor.allocator import returning_freed_memory
from clip_tutor.embedding import BATCH, encode_images, encode_texts
from clip_tutor.evaluation.retrieval import Retrieval, retrieval
from clip_tutor.evaluation.usable import Pairs, usable_pairs
from clip_tutor.images import ImageLike, load_image
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer


class PairVectors(NamedTuple):
    """What became of a set of pairs."""

    image_features: Tensor  # (M, E) unit vectors
    text_features: Tensor  # (N, E) unit vectors of all captions
    image_of: Tensor  # (N,) which image a caption belongs to
    left_out: list[str]  # "name: reason" of images and captions that cannot be measured

    def require_some(self) -> None:
        """Check that there is something to measure on.

        Raises:
            ValueError: there is no pair that can be measured.
        """
        if not len(self.image_features):
            raise ValueError(
                f"none of the {len(self.left_out)} pairs can be measured, the first because of {self.left_out[0]}"
                if self.left_out
                else "there is nothing to measure on: the test set holds no pair"
            )


def encode_pairs(
    model: CLIP, tokenizer: Tokenizer, pairs: Pairs, seen: Callable[[int], object] = lambda images: None
) -> PairVectors:
    """Return the vectors of all images that decode and of their captions that have words.

    Args:
        seen: is told how many images each batch had.

    Raises:
        TypeError: ``pairs`` is not a set, a stream or a list of pairs.
    """
    left_out: list[str] = []
    features = [torch.empty(0, model.config.embed_dim)]  # (B, E) of each batch
    captions: list[str] = []
    owner: list[int] = []  # of each caption: the number of its image
    images = 0

    def prepare(image: ImageLike) -> Tensor:
        opened = load_image(image, convert=True)
        cropped = model.config.preprocessing.cropped(opened, model.config.vision.image_size)
        return torch.from_numpy(np.array(cropped)).permute(2, 0, 1)

    usable = usable_pairs(pairs, tokenizer, prepare, left_out)
    for batch in returning_freed_memory(iter(lambda: list(islice(usable, BATCH)), [])):
        features.append(encode_images(model, torch.stack([pair.pixels for pair in batch])))
        for pair in batch:
            captions += pair.captions
            owner += [images] * len(pair.captions)
            images += 1
        seen(len(batch))
    text_features = encode_texts(model, tokenizer, captions, truncate=True)
    return PairVectors(torch.cat(features), text_features, torch.tensor(owner, dtype=torch.long), left_out)


def retrieval_on_pairs(
    model: CLIP, tokenizer: Tokenizer, pairs: Pairs, seen: Callable[[int], object] = lambda images: None
) -> Retrieval:
    """Return recall and median rank both ways among all images of a set and all their captions.

    Raises:
        TypeError: ``pairs`` is not a set, a stream or a list of pairs.
        ValueError: there is no pair that can be measured.
    """
    encoded = encode_pairs(model, tokenizer, pairs, seen)
    encoded.require_some()
    return retrieval(*encoded[:3], problems=tuple(encoded.left_out))
