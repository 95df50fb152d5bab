"""Exercise 15.3: a filter of captions that too many images share; it counts in one pass, and decides in the next."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from clip_tutor.data.curation.filter_report import FilterReport
from clip_tutor.data.curation.filters import images_per_caption, keep, shared_caption
from clip_tutor.data.curation.web_pair import WebPair
from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand


def shared_caption_filter(pairs: Iterable[WebPair], most: int = 10) -> Callable[[WebPair], bool]:
    """Return a filter that keeps a pair if at most ``most`` different images of a collection have its caption.

    ``pairs`` is the collection; it can be gone through only once. Images with the same ``pair.image_hash`` are one
    image. The filter is asked about one pair after the other: True keeps it. No image has a caption that never came.
    """
    images: defaultdict[str, set[int]] = defaultdict(set)
    for pair in pairs:
        images[pair.caption].add(pair.image_hash)

    def keeps(pair: WebPair) -> bool:
        return len(images.get(pair.caption, ())) <= most

    return keeps


def asked(answer: Callable[..., Any], pairs: list[WebPair], most: int, questions: list[WebPair]) -> Any:
    """Return what the filter says of each question, after one pass over the pairs; and what `keep` makes of it."""
    keeps = answer(iter(pairs), most)
    return [keeps(pair) for pair in questions]


def _collection(*captions: tuple[str, int, int]) -> list[WebPair]:
    """Return pairs: each caption with so many images, of which each came so many times."""
    return [
        WebPair(f"{caption} {image}", caption, known_hash=image + 100 * row)
        for row, (caption, images, times) in enumerate(captions)
        for image in range(images)
        for _ in range(times)
    ]


_STOCK, _CAT, _DOG, _TWICE, _SMALL = "stock photo", "a cat on red", "a dog", "a rocket", "A Dog"


def _check(answer: Attempt) -> str:
    pairs = _collection((_STOCK, 30, 1), (_CAT, 1, 1), (_DOG, 10, 1), (_TWICE, 4, 5), (_SMALL, 3, 1), ("logo", 11, 1))
    mixed = [pair for start in range(5) for pair in pairs[start::5]]  # what came five times comes here and there
    never = WebPair("later", "a caption that never came", known_hash=7)
    for most, collection in ((10, pairs), (10, mixed), (3, mixed), (1, mixed)):
        questions = [*collection, never]
        said = answer(collection, most, questions)
        right = asked(shared_caption_filter, collection, most, questions)
        demand(
            isinstance(said, list) and all(isinstance(one, bool) for one in said),
            f"the filter answers with {', '.join(sorted({type(one).__name__ for one in said}))}",
            "True or False for each pair",
        )
        for pair, one, other in zip(questions, said, right, strict=True):
            count = len({each.image_hash for each in collection if each.caption == pair.caption})
            demand(
                one == other,
                f"{'keeps' if one else 'drops'} {pair.caption!r}, which {count} different images have; at most {most}",
                "kept" if other else "dropped",
            )
        library = partial(shared_caption, images=images_per_caption(collection), most=most)
        kept = list(keep(collection, [library], FilterReport()))
        mine = [pair for pair, one in zip(collection, said, strict=False) if one]
        demand(mine == kept, f"{len(mine)} pairs are kept", f"{len(kept)}, those that the library keeps")
    return "the same pairs as the library's filter, for three thresholds, after one pass over the collection"


def _counted(  # type: ignore[no-untyped-def]
    of=lambda pair: pair.caption, what=lambda pair: pair.image_hash, decide=lambda n, most: n <= most
):
    def make(pairs, most=10):  # type: ignore[no-untyped-def]
        seen = defaultdict(set)
        for pair in pairs:
            seen[of(pair)].add(what(pair))
        return lambda pair: decide(len(seen.get(of(pair), ())), most)

    return make


def _pairs_counted(pairs, most=10):  # type: ignore[no-untyped-def]
    counts = Counter(pair.caption for pair in pairs)
    return lambda pair: counts[pair.caption] <= most


def _changes_counted(pairs, most=10):  # type: ignore[no-untyped-def]
    last: dict[str, int] = {}
    counts: Counter[str] = Counter()
    for pair in pairs:
        counts[pair.caption] += last.get(pair.caption) != pair.image_hash
        last[pair.caption] = pair.image_hash
    return lambda pair: counts[pair.caption] <= most


def _first_few(pairs, most=10):  # type: ignore[no-untyped-def]
    counts: Counter[str] = Counter()

    def keeps(pair):  # type: ignore[no-untyped-def]
        counts[pair.caption] += 1
        return counts[pair.caption] <= most

    return keeps


SHARED = Exercise(
    id="15.3",
    title="Captions that too many images share",
    difficulty=1,
    minutes=8,
    reference=shared_caption_filter,
    check=_check,
    use=asked,
    hints=(
        "What must be known of the whole collection before the first pair can be judged? Count that first, in one "
        "loop; then define a function inside your function that looks it up, and return it.",
        "A set for each caption, of the hashes of its images: one image that was found twice stands in it once.",
    ),
    mutants=(
        Mutant(
            _changes_counted,
            "each image was compared with the last one only: an image that comes back later was counted again",
        ),
        Mutant(_pairs_counted, "pairs were counted: the same image, found five times, is one image"),
        Mutant(
            _counted(decide=lambda n, most: n < most),
            "one too strict: a caption that exactly `most` images have is kept",
        ),
        Mutant(_counted(decide=lambda n, most: n > most), "the other way round: True keeps a pair"),
        Mutant(_counted(decide=lambda n, most: n <= 10), "`most` is not used"),
        Mutant(
            _counted(decide=lambda n, most: 0 < n <= most),
            "a caption that never came was dropped: no image has it, and that is not too many",
        ),
        Mutant(
            _first_few,
            "the first few of a shared caption were kept, and the rest dropped: one pass has to come first, and count",
        ),
        Mutant(
            _counted(of=lambda pair: pair.caption.lower()),
            "small and capital letters were taken for the same: two captions that are written differently are two",
        ),
        Mutant(
            _counted(of=lambda pair: pair.image_hash, what=lambda pair: pair.caption),
            "captions of each image were counted: that is another filter; this one counts images of each caption",
        ),
    ),
)
