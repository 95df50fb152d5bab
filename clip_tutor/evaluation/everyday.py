"""Fifty searches as a person would type them, and which scenes answer each: precision of the first page.

The searches were written down before the model that is measured with them was trained. Whether a scene answers is
decided by its facts and by the data set's own nouns, not by its caption: "puppy" is answered by whatever Unicode's
names and keywords call a puppy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from clip_tutor.data.emoji import Emoji
from clip_tutor.data.scenes import RELATIONS, Scene
from clip_tutor.embedding import encode_texts
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer

FIRST_PAGE = 8


class Search(NamedTuple):
    """What a person types, and what it asks of a scene; what is None may be anything."""

    words: str
    thing: str  # a noun of the data set
    number: int | None = None
    size: str | None = None
    background: str | None = None
    relation: str | None = None  # of the thing to `other`
    other: str | None = None

    def answered_by(self, scene: Scene) -> bool:
        """Return whether the scene shows what was asked for."""
        things = [self.thing in nouns(emoji) for emoji in scene.objects]
        if self.relation:
            if scene.relation is None:
                return False
            turned = RELATIONS[RELATIONS.index(scene.relation) ^ 1]  # "a left of b" is "b right of a"
            others = [self.other in nouns(emoji) for emoji in scene.objects]
            told = (scene.relation, things[0], others[1]), (turned, things[-1], others[0])
            return (self.relation, True, True) in told
        of_scene = (scene.count, scene.size, scene.background)
        asked = (self.number, self.size, self.background)
        alone = self.number is None or len(scene.objects) == 1  # a cat beside a dog is no answer to "two cats"
        return any(things) and alone and all(a in (None, s) for a, s in zip(asked, of_scene, strict=True))


def nouns(emoji: Emoji) -> set[str]:
    """Return every noun that a caption may call the emoji by."""
    return {emoji.noun.singular, *(noun.singular for noun in emoji.synonyms)}


SEARCHES = (
    # a word
    Search("rocket", "rocket"),
    Search("a pizza", "pizza"),
    Search("guitar", "guitar"),
    Search("ghost", "ghost"),
    Search("banana", "banana"),
    Search("an elephant", "elephant"),
    Search("penguin", "penguin"),
    Search("tree", "tree"),
    Search("flower", "flower"),
    Search("heart", "heart"),
    Search("bird", "bird"),
    Search("fish", "fish"),
    Search("a house", "house"),
    Search("crown", "crown"),
    Search("train", "train"),
    # a word that is not in the captions of unseen scenes
    Search("puppy", "puppy"),
    Search("kitten", "kitten"),
    Search("car", "car"),
    Search("bike", "bike"),
    Search("boat", "boat"),
    Search("an insect", "insect"),
    Search("instrument", "instrument"),
    Search("fruit", "fruit"),
    Search("airplane", "airplane"),
    Search("a present", "present"),
    # how many
    Search("two cats", "cat", number=2),
    Search("three cats", "cat", number=3),
    Search("four stars", "star", number=4),
    Search("two bananas", "banana", number=2),
    Search("three apples", "apple", number=3),
    Search("four penguins", "penguin", number=4),
    Search("three ghosts", "ghost", number=3),
    Search("two dogs", "dog", number=2),
    # on which color
    Search("banana on blue", "banana", background="blue"),
    Search("a cat on a red background", "cat", background="red"),
    Search("a star on purple", "star", background="purple"),
    Search("pizza on yellow", "pizza", background="yellow"),
    Search("elephant on a green background", "elephant", background="green"),
    Search("two guitars on black", "guitar", number=2, background="black"),
    # how large
    Search("a tiny rocket", "rocket", size="tiny"),
    Search("a huge elephant", "elephant", size="huge"),
    Search("a small star", "star", size="tiny"),
    Search("big pizza", "pizza", size="huge"),
    Search("a tiny rocket on a black background", "rocket", size="tiny", background="black"),
    # what is where
    Search("a dog to the left of a rocket", "dog", relation="left of", other="rocket"),
    Search("a rainbow above a laptop", "rainbow", relation="above", other="laptop"),
    Search("a banana over a bell", "banana", relation="above", other="bell"),
    Search("a ghost right of a soccer ball", "ghost", relation="right of", other="soccer ball"),
    Search("a ring to the right of a whale", "ring", relation="right of", other="spouting whale"),
    Search("an owl to the left of a key", "owl", relation="left of", other="key"),
)


def first_page_precision(
    model: CLIP, tokenizer: Tokenizer, image_features: Tensor, scenes: Sequence[Scene]
) -> dict[str, float]:
    """Return, for each search, which share of its first page answers it.

    A page has 8 results, or as many as there are answers, if they are fewer.

    Args:
        image_features: (N, E) unit vectors of the scenes.

    Raises:
        ValueError: the scenes hold no answer to one of the searches.
    """
    similarity = encode_texts(model, tokenizer, [search.words for search in SEARCHES]) @ image_features.T
    precision = {}
    for search, row in zip(SEARCHES, similarity, strict=True):
        answers = [search.answered_by(scene) for scene in scenes]
        page = min(FIRST_PAGE, sum(answers))
        if page == 0:
            raise ValueError(f"none of these {len(scenes)} scenes answers {search.words!r}: search a larger collection")
        precision[search.words] = sum(answers[n] for n in row.topk(page).indices.tolist()) / page
    return precision
