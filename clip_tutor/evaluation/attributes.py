"""Does it know WHAT, HOW MANY, WHERE and ON WHICH COLOR? One zero-shot question for each attribute of a scene.

Each question offers captions that differ in one attribute alone and asks which fits the image best:

    object      a dog | a cat | a car | …              (every object of the vocabulary)
    count       a dog | two dogs | three dogs | …       (given the object)
    relation    a dog above a cat | a dog below a cat … (given the two objects)
    background  a dog on a red background | …           (given the object)

An ensemble varies the wording and asserts nothing. One that puts each object on all twelve backgrounds names a quarter
fewer objects than a single prompt: eleven of its colors are wrong, and a caption that tells the color but no size says
that the thing has its ordinary size. ``test_an_ensemble_asserts_nothing``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from clip_tutor.data.captions import NUMBERS, RELATION_WORDS, SETTINGS, article, several, singular
from clip_tutor.data.drawing import BACKGROUNDS
from clip_tutor.data.emoji import Emoji
from clip_tutor.data.scenes import RELATIONS, Scene
from clip_tutor.embedding import encode_texts
from clip_tutor.evaluation.zero_shot import class_features, likeliest
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer

Prompts = list[str]
AT_MOST = 500  # scenes that are asked a question with captions of their own
WORDINGS = ("{}", "a picture of {}")  # of a prompt that leaves the background open


def in_setting(thing: str, color: str, setting: str = SETTINGS[0]) -> str:
    """Return "a dog on a red background" from "a dog" and "red"."""
    return setting.format(thing=thing, color=color, a_color=f"{article(color)} {color}")


def _worded(thing: str, ensemble: bool) -> Prompts:
    return [wording.format(thing) for wording in (WORDINGS if ensemble else WORDINGS[:1])]


def object_prompts(objects: Sequence[Emoji], ensemble: bool) -> list[Prompts]:
    """Return the prompts of each object: "a baby"; in an ensemble also "an infant", a name that no other object has."""
    if not ensemble:
        return [[singular(emoji.noun)] for emoji in objects]
    nouns = [list(dict.fromkeys((emoji.noun, *emoji.synonyms))) for emoji in objects]
    called = Counter(name for of_one in nouns for name in {noun.singular for noun in of_one})
    own = [[noun for noun in of_one[1:] if called[noun.singular] == 1] for of_one in nouns]
    return [[singular(noun) for noun in (emoji.noun, *others)] for emoji, others in zip(objects, own, strict=True)]


def _thing(scene: Scene) -> str:
    noun = scene.objects[0].noun
    if scene.relation:
        return f"{singular(noun)} {RELATION_WORDS[scene.relation][0]} {singular(scene.objects[1].noun)}"
    return several(noun, scene.count) if scene.count > 1 else singular(noun)


def count_prompts(scene: Scene, ensemble: bool) -> list[Prompts]:
    """Return the prompts for one to four of the scene's object."""
    noun = scene.objects[0].noun
    things = [singular(noun), *(several(noun, n) for n in range(2, len(NUMBERS)))]
    return [_worded(thing, ensemble) for thing in things]


def relation_prompts(scene: Scene, ensemble: bool) -> list[Prompts]:
    """Return the prompts for each place the first object might have beside the second.

    Every relation has two wordings. Scenes with an even number are asked with the first, the others with the second, so
    that all eight are asked; an ensemble has both.
    """
    first, second = (singular(emoji.noun) for emoji in scene.objects)
    kept = slice(None) if ensemble else slice(scene.index % 2, scene.index % 2 + 1)
    return [
        [
            prompt
            for words in RELATION_WORDS[relation][kept]
            for prompt in _worded(f"{first} {words} {second}", ensemble)
        ]
        for relation in RELATIONS
    ]


def background_prompts(scene: Scene, ensemble: bool) -> list[Prompts]:
    """Return the prompts for each color the scene might stand on, in one wording or in all."""
    settings = sorted(set(SETTINGS)) if ensemble else SETTINGS[:1]
    return [[in_setting(_thing(scene), color, setting) for setting in settings] for color in BACKGROUNDS]


def _answers(model: CLIP, tokenizer: Tokenizer, image_features: Tensor, questions: Sequence[list[Prompts]]) -> Tensor:
    """Return (N,) the index of the candidate that each image likes best, -1 where its vector is not a number."""
    captions = sorted({p for candidates in questions for prompts in candidates for p in prompts})
    vectors = dict(zip(captions, encode_texts(model, tokenizer, captions), strict=True))
    best = []
    for image, candidates in zip(image_features, questions, strict=True):
        means = torch.stack([torch.stack([vectors[p] for p in prompts]).mean(dim=0) for prompts in candidates])
        best.append(int(likeliest(means @ image / means.norm(dim=-1))))
    return torch.tensor(best, dtype=torch.long)


def attribute_hits(
    model: CLIP,
    tokenizer: Tokenizer,
    image_features: Tensor,
    scenes: Sequence[Scene],
    objects: Sequence[Emoji],
    ensemble: bool,
) -> dict[str, Tensor]:
    """Return, for each attribute, which of its questions were answered right: a bool for each scene asked about.

    Args:
        image_features: (N, E) unit vectors of the scenes.
        objects: the vocabulary to choose from.
    """
    hits: dict[str, Tensor] = {}
    singles = [n for n, scene in enumerate(scenes) if scene.kind == "one"]
    classes = class_features(model, tokenizer, object_prompts(objects, ensemble))
    row_of = {emoji.character: row for row, emoji in enumerate(objects)}
    right = torch.tensor([row_of[scenes[n].objects[0].character] for n in singles])
    hits["object"] = likeliest(image_features[singles] @ classes.T) == right

    def ask(
        name: str,
        applies: Callable[[Scene], bool],
        prompts: Callable[[Scene, bool], list[Prompts]],
        truth: Callable[[Scene], int],
    ) -> None:
        chosen = [n for n, scene in enumerate(scenes) if applies(scene)][:AT_MOST]
        questions = [prompts(scenes[n], ensemble) for n in chosen]
        answers = _answers(model, tokenizer, image_features[chosen], questions)
        hits[name] = answers == torch.tensor([truth(scenes[n]) for n in chosen])

    colors = list(BACKGROUNDS)
    ask("count", lambda s: s.kind != "pair", count_prompts, lambda s: s.count - 1)
    ask("relation", lambda s: s.kind == "pair", relation_prompts, lambda s: RELATIONS.index(s.relation))
    ask("background", lambda s: True, background_prompts, lambda s: colors.index(s.background))
    return hits
