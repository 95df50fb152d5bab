"""The filters of the library, applied to a pool of damaged pairs: which pairs does each keep?

Images are all of one size here, and none is shown twice: so a pair's number stands for its hash, and only filters of
captions have work to do. One more asks a trained CLIP, the kit's own, how well image and caption fit.
"""

from functools import lru_cache, partial

import torch
from torch import Tensor

from clip_tutor.data.curation.by_vectors import best_scores, clip_scores
from clip_tutor.data.curation.filters import (
    Filter,
    caption_length,
    common_words,
    images_per_caption,
    no_boilerplate,
    shared_caption,
)
from clip_tutor.data.curation.text import words_of
from clip_tutor.data.curation.web_pair import WebPair
from clip_tutor.embedding import encode_images, encode_texts
from clip_tutor.lessons.nb15_learning_from_noise.world import PIXELS, Pool, World
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer
from clip_tutor.weights import load

COMMON = 5  # times that a word occurs in the pool, to be no rare one
BEST = 0.6  # the share of pairs that the filter by CLIP scores keeps
_SEEN_BY_KIT = 64  # pixels that the kit's model reads


def web_pairs(pool: Pool, captions: list[str]) -> list[WebPair]:
    """Return a pool as filters see it; a pair's number stands for the hash of its image."""
    return [
        WebPair(f"scene {number}", caption, known_size=(PIXELS, PIXELS), known_hash=number)
        for number, caption in zip(pool.numbers.tolist(), captions, strict=True)
    ]


def text_filters(pairs: list[WebPair]) -> dict[str, Filter]:
    """Return the filters of captions with the published thresholds; what occurs how often, they know of these pairs."""
    counts = images_per_caption(pairs)
    return {
        "caption length": caption_length,
        "shared caption": partial(shared_caption, images=counts),
        "common words": partial(common_words, known=frequent_words(pairs)),
        "no boilerplate": no_boilerplate,
    }


def frequent_words(pairs: list[WebPair]) -> frozenset[str]:
    """Return the words that occur at least five times in all captions together."""
    counts: dict[str, int] = {}
    for pair in pairs:
        for word in words_of(pair.caption):
            counts[word] = counts.get(word, 0) + 1
    return frozenset(word for word, count in counts.items() if count >= COMMON)


@lru_cache(maxsize=1)
def _kit() -> tuple[CLIP, Tokenizer]:
    model, tokenizer, _ = load("emoji")
    return model, tokenizer


def scores(world: World, pool: Pool, captions: list[str]) -> Tensor:
    """Return (N,): the cosine of each image and its caption, as the kit's own model sees them."""
    model, tokenizer = _kit()
    pixels = world.batch(pool.numbers.tolist(), pixels=_SEEN_BY_KIT).pixels
    different = list(dict.fromkeys(captions))
    places = {caption: place for place, caption in enumerate(different)}
    texts = encode_texts(model, tokenizer, different, truncate=True)[[places[caption] for caption in captions]]
    return torch.from_numpy(clip_scores(encode_images(model, pixels).numpy(), texts.numpy()))


def text_masks(pool: Pool, captions: list[str]) -> dict[str, Tensor]:
    """Return, for each filter of captions, and for all of them in a row, which pairs it keeps: (N,) truth values."""
    pairs = web_pairs(pool, captions)
    kept = {name: torch.tensor([keeps(pair) for pair in pairs]) for name, keeps in text_filters(pairs).items()}
    return kept | {"all four": torch.stack(list(kept.values())).all(dim=0)}


def score_mask(world: World, pool: Pool, captions: list[str]) -> Tensor:
    """Return (N,): which pairs are among the best 60 percent in the eyes of the kit's own model."""
    return torch.from_numpy(best_scores(scores(world, pool, captions).numpy(), BEST))
