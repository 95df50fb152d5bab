"""Filters for pairs of the web, as ALIGN and Conceptual Captions have them: no model is asked, only counts and sizes.

    pair ─▶ min_side ─▶ aspect_ratio ─▶ caption_length ─▶ shared_caption ─▶ … ─▶ kept
                │             │               │                 │
                └─────────────┴───────────────┴─────────────────┴─▶ counted, and the first few shown

A filter is a function that takes a pair and says whether to keep it. Its threshold is an argument, with the published
value as default. `functools.partial` gives it another one, or what it must know of the whole collection, which one pass
before has counted:

    filters = [*ALIGN, partial(shared_caption, images=images_per_caption(pairs))]

What these papers do and this does not: leave out pornography, and parse the grammar of captions (a noun, a determiner).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from functools import partial

from clip_tutor.data.curation.filter_report import FilterReport, name_of
from clip_tutor.data.curation.text import words_of
from clip_tutor.data.curation.web_pair import UnreadableImageError, WebPair
from clip_tutor.data.samples import NO_CAPTION

Filter = Callable[[WebPair], bool]
UNREADABLE = "with an image that cannot be read"

# How alt-texts begin or end that a program has written: the examples that Conceptual Captions gives of its list.
BOILERPLATE = ("click to enlarge picture", "stock photo", "embedded image permalink", "profile photo")


# ---- the image -------------------------------------------------------------------------------------------------------


def min_side(pair: WebPair, pixels: int = 200) -> bool:
    """Keep an image whose shorter side is longer than 200 pixels (ALIGN, section 3; Conceptual Captions: 400).

    Raises:
        UnreadableImageError, ValueError: as `WebPair.size`.
    """
    return min(pair.size) > pixels


def aspect_ratio(pair: WebPair, most: float = 3.0) -> bool:
    """Keep an image whose longer side is at most three times its shorter one.

    ALIGN (section 3) says less than 3; COYO-700M and DataComp's basic filter keep 3 itself. Conceptual Captions: 2.

    Raises:
        UnreadableImageError, ValueError: as `WebPair.size`.
    """
    return max(pair.size) <= most * min(pair.size)


def captions_of_image(pair: WebPair, captions: Mapping[int, int], most: int = 1000) -> bool:
    """Keep an image with at most a thousand different captions (ALIGN, section 3).

    Args:
        captions: how many an image has, by its hash: `captions_per_image`.
    """
    return captions.get(pair.image_hash, 0) <= most


def unseen_image(pair: WebPair, seen: Container[int]) -> bool:
    """Keep an image whose hash is not among those ``seen``: the images of test sets (ALIGN, section 3; COYO-700M)."""
    return pair.image_hash not in seen


# ---- the caption -----------------------------------------------------------------------------------------------------


def caption_length(pair: WebPair, fewest: int = 3, most: int = 20) -> bool:
    """Keep a caption of 3 to 20 words (ALIGN, section 3; Conceptual 12M: 3 to 256)."""
    return fewest <= len(words_of(pair.caption)) <= most


def common_words(pair: WebPair, known: Container[str]) -> bool:
    """Keep a caption without a rare word, such as "image tid 25&id mggqpuweqdpd&cache 0" (ALIGN, section 3).

    ALIGN knows the hundred million most frequent words and pairs of words of the collection; how pairs of words enter,
    the paper leaves open, and here they do not. Conceptual Captions knows what occurs five times in the English
    Wikipedia, Conceptual 12M what occurs twenty times.

    Args:
        known: the words that are not rare, as `count_words` and `CorpusCounts` write them.
    """
    return all(word in known for word in words_of(pair.caption))


def shared_caption(pair: WebPair, images: Mapping[str, int], most: int = 10) -> bool:
    """Keep a caption that at most ten images have: "alt img", "1920x1080" (ALIGN, section 3).

    Args:
        images: how many have a caption: `images_per_caption`.
    """
    return images.get(pair.caption, 0) <= most


def repeated_words(pair: WebPair, most: float = 0.2) -> bool:
    """Keep a caption of whose words at most a fifth stand in it before (Conceptual 12M; how to count, we chose)."""
    words = words_of(pair.caption)
    return len(words) - len(set(words)) <= most * len(words)


def no_boilerplate(pair: WebPair, phrases: tuple[str, ...] = BOILERPLATE) -> bool:
    """Keep a caption that neither begins nor ends with what programs write (Conceptual Captions, section 3).

    Conceptual Captions cuts the first two phrases off, and drops captions with the other two. To drop all, we chose.
    """
    said = f" {' '.join(words_of(pair.caption))} "
    return not any(said.startswith(f" {phrase} ") or said.endswith(f" {phrase} ") for phrase in phrases)


ALIGN: tuple[Filter, ...] = (min_side, aspect_ratio, caption_length)
CONCEPTUAL_12M: tuple[Filter, ...] = (
    partial(min_side, pixels=400),
    partial(aspect_ratio, most=2.5),
    partial(caption_length, most=256),
    repeated_words,
    no_boilerplate,
)


# ---- one pass before -------------------------------------------------------------------------------------------------


def images_per_caption(pairs: Iterable[WebPair]) -> Counter[str]:
    """Return how many different images, by their hashes, have each caption."""
    return Counter(caption for caption, _ in {(pair.caption, pair.image_hash) for pair in pairs})


def captions_per_image(pairs: Iterable[WebPair]) -> Counter[int]:
    """Return how many different captions each image has, by its hash."""
    return Counter(image for _, image in {(pair.caption, pair.image_hash) for pair in pairs})


# ---- all together ----------------------------------------------------------------------------------------------------


def keep(pairs: Iterable[WebPair], filters: Iterable[Filter], report: FilterReport) -> Iterator[WebPair]:
    """Yield the pairs that all filters keep; the first filter that drops a pair has it counted.

    Cheap filters first: those behind are not asked about a pair that one before has dropped.

    Raises:
        ValueError: a filter asks for what the pair does not have; see `WebPair`.
    """
    filters = list(filters)
    for pair in pairs:
        why = dropped_by(pair, filters)
        report.count(pair, why)
        if not why:
            yield pair


def dropped_by(pair: WebPair, filters: Iterable[Filter]) -> str:
    """Return the name of the first filter that drops a pair, or what is wrong with it; nothing if all keep it."""
    if not pair.caption:
        return NO_CAPTION
    try:
        return next((name_of(keeps) for keeps in filters if not keeps(pair)), "")
    except UnreadableImageError:
        return UNREADABLE
