"""The prompt lab: classes and templates that one types, and what ten things are called with them.

    classes "cat, dog, owl"   templates "a {} | {}"  ─▶ prompts ─▶ (M, E) ─▶ answers of 10 × 20 images ─▶ a grid

A row for each thing that is really seen, a column for each class that was typed: the two need not be the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html import escape
from typing import NamedTuple

import torch
from torch import Tensor

from clip_tutor.data.captions import SIZE_WORDS
from clip_tutor.data.emoji import FIRST_WORDS, find_emoji
from clip_tutor.data.labelled import LabelledImages, labelled_scenes
from clip_tutor.evaluation.classifier import build_classifier
from clip_tutor.evaluation.encoding import encode_labelled
from clip_tutor.lab.widgets.gallery import data_address
from clip_tutor.lessons.nb09_zero_shot.sets import animals_and_dishes
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer

EACH = 20  # images of each thing
THINGS = {
    "everyday things": "🐈🐕🦉🐧🍌🍕🚲🚀🎸👻",
    "animals alike": "🐈🐕🐺🦊🐎🦓🐄🐂🐑🐐",
}
MOST_CLASSES, MOST_TEMPLATES = 24, 12  # that are read of what is typed
CLASSES = "cat, dog, owl, penguin, banana, pizza, bicycle, rocket, guitar, ghost"


class Images(NamedTuple):
    """Images of ten things."""

    names: list[str]  # what they are
    examples: list[str]  # an image of each, as an address for HTML
    labels: Tensor  # (N,) which of the things
    labelled: LabelledImages


class Model(NamedTuple):
    """A model and what it makes of the images, by the name of the set."""

    model: CLIP
    tokenizer: Tokenizer
    features: dict[str, Tensor]  # (N, E)


def draw_images(size: int) -> dict[str, Images]:
    """Return the images of each set of things, 20 of each thing."""
    found = {}
    for name, characters in THINGS.items():
        things = find_emoji(characters)
        pool = tuple(dict.fromkeys((*things, *find_emoji(FIRST_WORDS), *animals_and_dishes())))[:60]
        every = labelled_scenes(pool, "test", size, 60 * 2 * EACH, seed=3)
        rows = [[row for row, label in enumerate(every.labels) if label == n][:EACH] for n in range(len(things))]
        chosen = every.take([row for group in rows for row in group])
        names = [thing.noun.singular for thing in things]
        large = re.compile("|".join(SIZE_WORDS["huge"]))
        best = [next((row for row in group if large.search(every.describe(row))), group[0]) for group in rows]
        examples = [data_address(every.open(row)) for row in best]
        found[name] = Images(names, examples, torch.tensor(chosen.labels), chosen)
    return found


def look(model: CLIP, tokenizer: Tokenizer, images: Mapping[str, Images]) -> Model:
    """Return a model with the vectors of all images."""
    features = {name: encode_labelled(model, one.labelled).features for name, one in images.items()}
    return Model(model, tokenizer, features)


def answers(model: Model, of: str, classes: list[str], templates: list[str]) -> Tensor:
    """Return (N,) which of the typed classes each image is called.

    Raises:
        ValueError: a class or template makes no sense; the message says what.
    """
    classifier = build_classifier(model.model, model.tokenizer, classes, templates)
    return classifier.logits(model.features[of]).argmax(dim=1)


def counts_of(images: Images, answered: Tensor, M: int) -> Tensor:
    """Return (10, M): how many images of each thing were called what."""
    return (images.labels * M + answered).bincount(minlength=len(images.names) * M).view(-1, M)


def read(typed: str, separator: str, most: int) -> list[str]:
    """Return what stands between the separators, without what is empty."""
    return [part.strip() for part in typed.split(separator) if part.strip()][:most]


def prompt_lab(images: Mapping[str, Images], models: Mapping[str, Model]) -> Callable[..., str]:
    """Return the drawing function of the widget: HTML with a confusion grid for each model.

    Args:
        models: by what stands above the grid: the kit's, and the learner's own where there is one.
    """

    def draw(classes: str = CLASSES, templates: str = "a {}", things: str = next(iter(THINGS))) -> str:
        names, wordings = read(classes, ",", MOST_CLASSES), read(templates, "|", MOST_TEMPLATES)
        try:
            grids = [
                _grid(title, images[things], answers(model, things, names, wordings), names)
                for title, model in models.items()
            ]
        except (TypeError, ValueError) as error:
            return f'<p class="prompt-lab-message" style="color:#B00020;max-width:60em">{escape(str(error))}</p>'
        return f'<div style="display:flex;flex-wrap:wrap;gap:28px">{"".join(grids)}</div>'

    draw.__name__ = "prompt_lab"
    return draw


def _grid(title: str, images: Images, answered: Tensor, classes: list[str]) -> str:
    counts = counts_of(images, answered, len(classes))
    shared = [n for n, name in enumerate(images.names) if name in classes]
    right = sum(int(counts[n, classes.index(images.names[n])]) for n in shared)
    total = int(counts[shared].sum()) if shared else 0
    told = f"{right} of {total} right, where the true word was typed" if shared else "none of the true words was typed"
    heads = "".join(
        '<th style="vertical-align:bottom;padding:2px;font-weight:normal;color:#D55E00"><div style="writing-mode:'
        f'vertical-rl;transform:rotate(180deg);max-height:120px;overflow:hidden">{escape(name[:24])}</div></th>'
        for name in classes
    )
    rows = ""
    for name, example, row in zip(images.names, images.examples, counts.tolist(), strict=True):
        columns = zip(row, classes, strict=True)
        cells = "".join(_cell(count / max(sum(row), 1), count, name == column) for count, column in columns)
        rows += (
            f'<tr><th style="text-align:right;font-weight:normal;color:#0072B2;white-space:nowrap">{escape(name)} '
            f'<img src="{example}" width="26" alt="" style="vertical-align:middle"></th>{cells}</tr>'
        )
    return (
        f'<div class="prompt-lab-grid"><b>{escape(title)}</b>: {told}'
        f'<table style="border-collapse:collapse;font-size:12px"><tr><th></th>{heads}</tr>{rows}</table></div>'
    )


def _cell(share: float, count: int, is_own: bool) -> str:
    light = 1 - share
    shade = f"rgb({int(18 + 232 * light)},{int(59 + 191 * light)},{int(74 + 173 * light)})"
    frame = "2px solid #26282B" if is_own else "1px solid #E4E5E7"
    ink = "white" if share > 0.5 else "#26282B"
    return (
        f'<td style="background:{shade};color:{ink};border:{frame};width:26px;height:24px;text-align:center">'
        f"{count or ''}</td>"
    )
