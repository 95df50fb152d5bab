"""Captions that are wrong in one fact alone, written from a scene's truth.

    replaced object       a dog to the left of a cat         a banana to the left of a cat
    replaced count        two dogs on a red background       three dogs on a red background
    replaced background   two dogs on a red background       two dogs on a blue background
    replaced size         a tiny dog on green                a huge dog on green
    replaced relation     a dog to the left of a cat         a dog to the right of a cat
    swapped objects       a dog to the left of a cat         a cat to the left of a dog
    swapped sizes         a tiny dog above a huge cat        a huge dog above a tiny cat
    shuffled words        a dog to the left of a cat         left a the of cat to dog a

The last one is no fact. ARO asks about word order so, and a model that has never seen an image passes it.

Sources: Yuksekgonul et al. 2023 (ARO), section 2; Hsieh et al. 2023 (SugarCrepe), section 4: replace, swap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

import numpy as np

from clip_tutor.data.captions import OPPOSITE, RELATION_WORDS, choose, describe, singular
from clip_tutor.data.drawing import BACKGROUNDS
from clip_tutor.data.emoji import Emoji
from clip_tutor.data.random_numbers import counter_rng
from clip_tutor.data.scenes import RELATIONS, Batch, Scene, Scenes
from clip_tutor.evaluation.attributes import in_setting

OTHER_SIZE = {"tiny": "huge", "huge": "tiny"}
SMALL_SIDE, LARGE_SIDE = 0.28, 0.60  # of the image's side: what one thing is beside a larger one

T = TypeVar("T")


class Question(NamedTuple):
    """Which of two captions is true of an image?"""

    row: int  # which image it is about
    right: str
    wrong: str
    retold: str  # the right caption from the other side, "b right of a"; itself where there is no other side


def wrong_scenes(scene: Scene, objects: Sequence[Emoji], uniforms: Sequence[float]) -> dict[str, Iterator[Scene]]:
    """Return, for each fact that a scene has, the scenes that differ in it alone, in an order of chance.

    Relations are asked of two things, counts of several and of one that is neither tiny nor huge, sizes of those.

    Args:
        objects: what a wrong object is taken from.
        uniforms: three random numbers in [0, 1).
    """
    colors = [color for color in BACKGROUNDS if color != scene.background]
    things = (thing for thing in _from(objects, uniforms[1]) if thing not in scene.objects)
    wrong: dict[str, Iterator[Scene]] = {
        "replaced background": (replace(scene, background=color) for color in _from(colors, uniforms[0])),
        "replaced object": (replace(scene, objects=(thing, *scene.objects[1:])) for thing in things),
    }
    if scene.relation:
        wrong["replaced relation"] = iter([replace(scene, relation=OPPOSITE[scene.relation])])  # type: ignore[arg-type]
        wrong["swapped objects"] = iter([replace(scene, objects=scene.objects[::-1])])
    elif scene.size in OTHER_SIZE:
        wrong["replaced size"] = iter([replace(scene, size=OTHER_SIZE[scene.size])])
    else:
        counts = [count for count in (1, 2, 3, 4) if count != scene.count]
        wrong["replaced count"] = (replace(scene, count=count) for count in _from(counts, uniforms[2]))
    return wrong


def _from(options: Sequence[T], uniform: float) -> Iterator[T]:
    """Yield all options, from a place of chance on."""
    start = int(uniform * len(options))
    yield from options[start:]
    yield from options[:start]


def told(scene: Scene, uniforms: Sequence[float]) -> str:
    """Return a plain caption of a scene in the wording that six random numbers choose."""
    size = scene.size if scene.count == 1 else None
    return describe(scene.objects, scene.count, size, scene.relation, scene.background, uniforms)


def questions(batch: Batch, scenes: Scenes, seed: int = 0) -> dict[str, list[Question]]:
    """Return for each kind of wrong caption the questions that can be asked about a batch of ``scenes``.

    Both captions of a question have the same wording. A wrong caption says only what training shows, too: were it among
    the withheld pairs, a model could know that it is wrong without a look at the image.
    """
    row_of = {emoji.character: row for row, emoji in enumerate(scenes.objects)}

    def in_training(scene: Scene) -> bool:
        rows, color = [row_of[emoji.character] for emoji in scene.objects], list(BACKGROUNDS).index(scene.background)
        sides = scenes.permitted_sides(*np.array(rows)[:, None])[0] if scene.relation else ()
        fits = not scene.relation or bool(sides[RELATIONS.index(scene.relation)])
        return fits and not scenes.withheld_colors[rows, color].any()

    asked: dict[str, list[Question]] = {}
    numbers = counter_rng(seed, np.arange(len(batch.scenes)), 10).tolist()
    for row, (scene, uniforms) in enumerate(zip(batch.scenes, numbers, strict=True)):
        wording = uniforms[3:9]
        right = told(scene, wording)
        other_side = told(scene, [*wording[:2], (wording[2] + 0.5) % 1, *wording[3:]])
        wrong = {
            kind: told(first, wording)
            for kind, candidates in wrong_scenes(scene, scenes.objects, uniforms).items()
            if (first := next(filter(in_training, candidates), None))
        }
        shuffled = np.random.default_rng(int(uniforms[9] * 2**32)).permutation(right.split())
        for kind, caption in (wrong | {"shuffled words": " ".join(shuffled)}).items():
            if caption != right:  # a shuffle may leave everything where it was
                asked.setdefault(kind, []).append(Question(row, right, caption, other_side))
    return asked


def swapped_sizes(scenes: Scenes, count: int, seed: int = 0) -> tuple[Batch, list[Question]]:
    """Return ``count`` images of one small and one large thing, and the question which of the two is which.

    Training has no such images and no such captions: of two things it never tells the size.
    """
    pairs = Scenes(scenes.objects, scenes.split, scenes.size, scenes.seed, kinds=("pair",))
    plan = pairs.plan(range(count))
    u = counter_rng(seed, np.arange(count), 5).T  # (5, count)
    first_is_small = u[0] < 0.5
    small, large = (2 * round(share * scenes.size / 2) for share in (SMALL_SIDE, LARGE_SIDE))
    places = plan.places.copy()  # (count, 4, 3): left, top, side in pixels
    for k in range(2):
        side = np.where(first_is_small == (k == 0), small, large)
        before = (plan.relation % 2 == 0) == (k == 0)  # nearer to the left or top edge
        gap = u[1] * (scenes.size - small - large) / 2
        along = np.where(before, gap, scenes.size - side - gap)
        across = u[2 + k] * (scenes.size - side)
        sideways = plan.relation < 2
        corner = np.where(sideways, [along, across], [across, along])
        places[:, k] = np.stack([*corner, side], axis=1).astype(np.int64)
    batch = pairs.show(plan._replace(places=places), range(count))
    asked = []
    for row, (scene, number, tiny_first) in enumerate(zip(batch.scenes, u[4], first_is_small, strict=True)):
        assert scene.relation is not None
        words = choose(RELATION_WORDS[scene.relation], number)
        a, b = (emoji.noun for emoji in scene.objects)
        sizes = ("tiny", "huge") if tiny_first else ("huge", "tiny")
        right, wrong = (
            in_setting(f"{singular(a, one)} {words} {singular(b, other)}", scene.background)
            for one, other in (sizes, sizes[::-1])
        )
        asked.append(Question(row, right, wrong, right))
    return batch, asked
