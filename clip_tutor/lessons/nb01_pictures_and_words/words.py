"""What a caption says, read off its words alone, and what is so: the two sides between which information is measured.

"three kites in front of a red background"  ─▶  noun kites · number three · size – · place – · color red
"""

import re
from collections.abc import Hashable

from clip_tutor.data.captions import NUMBERS, RELATION_WORDS, SIZE_WORDS
from clip_tutor.data.drawing import BACKGROUNDS
from clip_tutor.data.scenes import Scene

_OF_KIND = {
    "number": set(NUMBERS[2:]),
    "size": {word for words in SIZE_WORDS.values() for word in words},
    "place": {
        word.split()[-1] if " of" not in word else word.split()[-2]
        for words in RELATION_WORDS.values()
        for word in words
    },
    "color": set(BACKGROUNDS),
}
# What says nothing by itself in these captions.
_SMALL = {"a", "an", "the", "of", "on", "in", "to", "with", "front", "picture", "background", "drawings", "tagged"}
KINDS = ("noun", *_OF_KIND)
FACTS = ("thing", "number", "size", "place", "color")


def words_of(caption: str) -> dict[str, str | None]:
    """Return for each of KINDS the first word of that kind, None if the caption has none.

    A noun is the first word that is left when all others have been taken out; two things have two nouns, and this is
    one of them.
    """
    words = re.findall(r"[\w'-]+", caption.lower())
    found: dict[str, str | None] = {
        kind: next((word for word in words if word in of_kind), None) for kind, of_kind in _OF_KIND.items()
    }
    known = _SMALL.union(*_OF_KIND.values())
    return {"noun": next((word for word in words if word not in known), None), **found}


def facts_of(scene: Scene) -> dict[str, Hashable]:
    """Return for each of FACTS what is so in a scene."""
    return {
        "thing": scene.objects[0].character,
        "number": scene.count,
        "size": scene.size,
        "place": scene.relation,
        "color": scene.background,
    }
