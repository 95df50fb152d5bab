"""From names of classes to prompts: ``{}`` in a template is where the name goes.

    names      cat, dog                                     prompts   a photo of a cat.   art of the cat.
    templates  a photo of a {}.   art of the {}.     ─▶               a photo of a dog.   art of the dog.

Nothing but ``{}`` is replaced, so that a name may hold braces itself. Several templates are an ensemble: see
`clip_tutor.evaluation.zero_shot.class_features`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from clip_tutor.data.labelled.names import from_open_clip, read_lines
from clip_tutor.printable import listed

PLACE = "{}"
# Forward-selected out of OpenAI's 80 by what each adds to ImageNet's accuracy; small models like them a little better.
# Source: openai/CLIP ``notebooks/Prompt_Engineering_for_ImageNet.ipynb``.
SELECTED = (
    "itap of a {}.",
    "a bad photo of the {}.",
    "a origami {}.",
    "a photo of the large {}.",
    "a {} in a video game.",
    "art of the {}.",
    "a photo of the small {}.",
)
TEMPLATES = {
    "name": ("{}",),
    "photo": ("a photo of a {}.",),
    "scenes": ("{}", "a {}"),  # they vary the wording and assert nothing: see `clip_tutor.evaluation.attributes`
    "selected": SELECTED,
}
OPENAI = "openai"  # 80 templates, where OpenCLIP's package is installed


def prompts_for(names: Sequence[str], templates: Sequence[str]) -> list[list[str]]:
    """Return each class's prompts: every template with the name in the place of ``{}``.

    Raises:
        TypeError, ValueError: see `require_names` and `require_templates`.

    >>> prompts_for(["cat", "{dog}"], ["a {}", "{}s"])
    [['a cat', 'cats'], ['a {dog}', '{dog}s']]
    """
    require_names(names)
    require_templates(templates)
    return [[template.replace(PLACE, name) for template in templates] for name in names]


def require_names(names: Sequence[str]) -> None:
    """Check that these can be names of classes to choose from.

    Raises:
        TypeError: they are not a list of texts.
        ValueError: there are fewer than two, one is empty, or two are the same.
    """
    _require_texts(names, "names of classes", "['cat', 'dog']")
    if len(names) < 2:
        raise ValueError(
            f"{', '.join(names) or 'no class'} leaves nothing to choose, for the softmax over a single class is always "
            "1: give at least two, or ask for `label_probabilities`"
        )
    if empty := [n for n, name in enumerate(names) if not name.strip()]:
        raise ValueError(f"the name of class {empty[0]} is empty: write what is seen in its images")
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        places = [n for n, name in enumerate(names) if name == twice[0]]
        raise ValueError(
            f"classes {listed(map(str, places))} are all called {twice[0]!r}, so that no image can tell them apart"
            f"{f' (and so it is with {listed(twice[1:])})' if twice[1:] else ''}: give each a name of its own"
        )


def require_templates(templates: Sequence[str]) -> None:
    """Check that each template says where the name goes.

    Raises:
        TypeError: they are not a list of texts.
        ValueError: there is none, one has no ``{}``, or something else in braces.
    """
    _require_texts(templates, "templates", "['a photo of a {}.']")
    if not templates:
        raise ValueError("there is no template: give at least one, such as '{}', the name alone")
    for template in templates:
        if other := re.search(r"\{[^{}]+\}", template):
            raise ValueError(
                f"the template {template!r} has {other[0]}, and only {PLACE} is replaced: write {PLACE} where the name "
                "of the class goes"
            )
        if PLACE not in template:
            raise ValueError(
                f"the template {template!r} has no {PLACE}, so that all classes would have the same prompt: write "
                f"{PLACE} where the name of the class goes, as in 'a photo of a {{}}'"
            )


def read_templates(what: str) -> tuple[str, ...]:
    """Return the templates that a text means: a set's name, a template itself, or a file with one a line.

    Args:
        what: "name", "photo", "scenes", "selected" (OpenAI's seven), "openai" (all 80), "a photo of a {}", or a path.

    Raises:
        FileNotFoundError: it is none of the sets, has no ``{}``, and there is no such file.
        ModuleNotFoundError: OpenAI's 80 come with OpenCLIP's package, which is not installed.
        ValueError: a template is not usable.

    >>> read_templates("scenes")
    ('{}', 'a {}')
    """
    if what in TEMPLATES:
        return TEMPLATES[what]
    if what == OPENAI:
        return openai_templates()
    if PLACE in what:
        templates: tuple[str, ...] = (what,)
    elif Path(what).is_file():
        templates = read_lines(what)
    else:
        raise FileNotFoundError(
            f"there is no file of templates {what!r}: name one, a set ({', '.join([*TEMPLATES, OPENAI])}), or write a "
            f"template with {PLACE} where the name goes"
        )
    require_templates(templates)
    return templates


def openai_templates() -> tuple[str, ...]:
    """Return the 80 templates that OpenAI used for ImageNet.

    Raises:
        ModuleNotFoundError: OpenCLIP's package, which has them as functions, is not installed.
    """
    functions = from_open_clip("OPENAI_IMAGENET_TEMPLATES")
    return tuple(function(PLACE) for function in functions if callable(function))


def _require_texts(texts: Sequence[str], what: str, example: str) -> None:
    if isinstance(texts, str) or not isinstance(texts, Sequence):
        raise TypeError(f"{what} are a list of texts, not {texts!r:.60}: pass one such as {example}")
    if strange := [text for text in texts if not isinstance(text, str)]:
        raise TypeError(f"{what} are texts, and {strange[0]!r:.60} among these is not: pass a list such as {example}")
