"""Exercises 09.1 and 09.2: a classifier made of words, and one of several wordings."""

import zlib
from collections.abc import Callable

import torch
import torch.nn.functional as F

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same


def some_encoder(texts: list[str]) -> torch.Tensor:
    """Return (B, 6): a vector for each text, the same whenever it comes, and of a length that texts do not share."""
    demand(
        isinstance(texts, list) and all(isinstance(text, str) for text in texts),
        f"encode was called with {describe(texts)}",
        "a list of texts",
        "encode takes all prompts at once, in a list",
    )
    rows = []
    for text in texts:
        seed = zlib.crc32(text.encode())
        vector = F.normalize(torch.randn(6, generator=torch.Generator().manual_seed(seed)), dim=0)
        rows.append(vector * (1 + seed % 7))
    return torch.stack(rows)


def _images(count: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 6, generator=generator) * torch.linspace(0.5, 4, count)[:, None]


# ---------------------------------------------------------------------------------------------------------------- 09.1


def zero_shot(
    image_features: torch.Tensor,
    encode: Callable[[list[str]], torch.Tensor],
    names: list[str],
    template: str,
    logit_scale: float,
) -> torch.Tensor:
    """Return (N, M): how probable each of M classes is for each of N images.

    image_features is (N, E), as the image encoder gives them: of any length.
    encode makes (M, E) of a list of M texts, of any length, too.
    {} in the template, once or more often, is where a name goes. A name may hold anything, braces as well.
    logit_scale is what the model has learned to multiply cosine similarities with.
    """
    prompts = [template.replace("{}", name) for name in names]
    text_features = F.normalize(encode(prompts), dim=-1)  # (M, E)
    similarity = F.normalize(image_features, dim=-1) @ text_features.T  # (N, M)
    return (logit_scale * similarity).softmax(dim=-1)


def _check_classifier(answer: Attempt) -> str:
    cases = (
        (_images(4, 0), some_encoder, ["cat", "dog", "owl"], "a {}", 3.0),
        (_images(3, 1), some_encoder, ["cat", "dog", "owl"], "{} on a {}", 2.0),
        (_images(5, 2), some_encoder, ["{cat}", "a {} b"], "the {}.", 5.0),
    )
    for images, encode, names, template, scale in cases:
        found = answer(images, encode, names, template, scale)
        right = zero_shot(images, encode, names, template, scale)
        demand(
            isinstance(found, torch.Tensor) and found.shape == right.shape,
            f"{describe(found)} for {len(images)} images and {len(names)} classes",
            f"a tensor {tuple(right.shape)}, a row for each image",
        )
        sums = found.sum(dim=-1)
        demand(
            same(sums, torch.ones_like(sums)),
            f"rows that sum to {[round(one, 3) for one in sums.tolist()]}",
            "probabilities: each row sums to 1",
        )
        demand(
            same(found, right),
            f"for the names {names} in {template!r}, a first row of {[round(one, 3) for one in found[0].tolist()]}",
            f"{[round(one, 3) for one in right[0].tolist()]}",
        )
    return "probabilities from cosine similarities, for features of any length and names with braces"


def _parts(image_features, encode, names, template):  # type: ignore[no-untyped-def]
    prompts = [template.replace("{}", name) for name in names]
    return F.normalize(image_features, dim=-1), F.normalize(encode(prompts), dim=-1)


def _texts_of_any_length(image_features, encode, names, template, logit_scale):  # type: ignore[no-untyped-def]
    texts = encode([template.replace("{}", name) for name in names])
    return (logit_scale * F.normalize(image_features, dim=-1) @ texts.T).softmax(dim=-1)


def _images_of_any_length(image_features, encode, names, template, logit_scale):  # type: ignore[no-untyped-def]
    _, texts = _parts(image_features, encode, names, template)
    return (logit_scale * image_features @ texts.T).softmax(dim=-1)


def _without_scale(image_features, encode, names, template, logit_scale):  # type: ignore[no-untyped-def]
    images, texts = _parts(image_features, encode, names, template)
    return (images @ texts.T).softmax(dim=-1)


def _over_images(image_features, encode, names, template, logit_scale):  # type: ignore[no-untyped-def]
    images, texts = _parts(image_features, encode, names, template)
    return (logit_scale * images @ texts.T).softmax(dim=0)


def _bare_names(image_features, encode, names, template, logit_scale):  # type: ignore[no-untyped-def]
    return zero_shot(image_features, encode, names, "{}", logit_scale)


def _divided(image_features, encode, names, template, logit_scale):  # type: ignore[no-untyped-def]
    images, texts = _parts(image_features, encode, names, template)
    return (images @ texts.T / logit_scale).softmax(dim=-1)


def _formatted(image_features, encode, names, template, logit_scale):  # type: ignore[no-untyped-def]
    prompts = [template.format(*[name] * template.count("{}")).format(name, name) for name in names]
    images, texts = F.normalize(image_features, dim=-1), F.normalize(encode(prompts), dim=-1)
    return (logit_scale * images @ texts.T).softmax(dim=-1)


CLASSIFIER = Exercise(
    id="09.1",
    title="A classifier made of words",
    difficulty=1,
    minutes=8,
    reference=zero_shot,
    check=_check_classifier,
    hints=(
        "Three steps: names become prompts, prompts become vectors, and each image is compared with each of them.",
        "Cosine similarity needs unit length on both sides: `F.normalize(…, dim=-1)`. Which axis of the table does "
        "the softmax run along, if an image is to be ONE of the classes?",
        "`template.replace('{}', name)` replaces nothing else; `(logit_scale * similarity).softmax(dim=-1)`.",
    ),
    mutants=(
        Mutant(_texts_of_any_length, "the prompts' vectors are as long as the encoder made them: a long one wins"),
        Mutant(_images_of_any_length, "the images' vectors are as long as the encoder made them: F.normalize"),
        Mutant(_without_scale, "cosine similarities end at 1: without the logit scale no answer is ever sure"),
        Mutant(_over_images, "each column sums to 1: the softmax ran over the images, and not over the classes"),
        Mutant(_bare_names, "the names were encoded alone: what became of the template?"),
        Mutant(_divided, "the logit scale multiplies; it is the temperature that divides, and the two are inverse"),
        Mutant(_formatted, "a name that holds {} itself was filled in again: replace the template's braces, once"),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 09.2


def ensemble(encode: Callable[[list[str]], torch.Tensor], names: list[str], templates: list[str]) -> torch.Tensor:
    """Return (M, E): for each class the direction in which its prompts point on average, of unit length.

    encode makes (B, E) of a list of B texts, of any length. Every prompt of a class counts the same.
    """
    weights = []
    for name in names:
        vectors = encode([template.replace("{}", name) for template in templates])  # (T, E)
        weights.append(F.normalize(vectors, dim=-1).mean(dim=0))  # (E,)
    return F.normalize(torch.stack(weights), dim=-1)  # (M, E)


def _check_ensemble(answer: Attempt) -> str:
    cases = (
        (["cat", "dog", "owl"], ["a {}", "the {}", "{}"]),
        (["cat", "dog"], ["a photo of a {}.", "{}", "art of {}", "one {}"]),
        (["cat", "dog", "owl"], ["a {}"]),
    )
    for names, templates in cases:
        found, right = answer(some_encoder, names, templates), ensemble(some_encoder, names, templates)
        what = f"for {len(names)} classes and {len(templates)} templates"
        demand(
            isinstance(found, torch.Tensor) and found.shape == right.shape,
            f"{what}, {describe(found)}",
            f"a tensor {tuple(right.shape)}, a row for each class",
        )
        lengths = found.norm(dim=-1)
        demand(
            same(lengths, torch.ones_like(lengths)),
            f"{what}, rows of length {[round(one, 3) for one in lengths.tolist()]}",
            "rows of length 1",
            "the mean of unit vectors is shorter than 1, the shorter the less they agree: normalize once more",
        )
        demand(
            same(found, right),
            f"{what}, a first row of {[round(one, 3) for one in found[0].tolist()]}",
            f"{[round(one, 3) for one in right[0].tolist()]}",
        )
    return "normalize, mean, normalize, for one template and for several"


def _stacked(encode, names, templates):  # type: ignore[no-untyped-def]
    return torch.stack([encode([template.replace("{}", name) for template in templates]) for name in names])


def _wrong_order(encode, names, templates):  # type: ignore[no-untyped-def]
    vectors = encode([template.replace("{}", name) for template in templates for name in names])
    means = F.normalize(vectors, dim=-1).view(len(names), len(templates), -1).mean(dim=1)
    return F.normalize(means, dim=-1)


ENSEMBLE = Exercise(
    id="09.2",
    title="An ensemble of prompts",
    difficulty=2,
    minutes=8,
    reference=ensemble,
    check=_check_ensemble,
    hints=(
        "Three verbs in the right order, and one of them occurs twice.",
        "A vector of length 7 counts in a mean as much as seven of length 1. What has to happen before the mean, so "
        "that every wording has one vote?",
        "For one class: `F.normalize(vectors, dim=-1).mean(dim=0)`, and the stack of all classes is normalized again.",
    ),
    mutants=(
        Mutant(
            lambda encode, names, templates: F.normalize(_stacked(encode, names, templates).mean(dim=1), dim=-1),
            "the mean was taken before the vectors had unit length: the longest prompt has the most votes",
        ),
        Mutant(
            lambda encode, names, templates: F.normalize(_stacked(encode, names, templates), dim=-1).mean(dim=1),
            "the mean is not normalized: classes whose prompts disagree get short rows, and are hardly ever chosen",
        ),
        Mutant(
            lambda encode, names, templates: F.normalize(_stacked(encode, names, templates)[:, 0], dim=-1),
            "only the first template was used",
        ),
        Mutant(
            lambda encode, names, templates: F.normalize(
                _stacked(encode, names, templates).flatten(0, 1).mean(dim=0).expand(len(names), -1), dim=-1
            ),
            "all rows are the same: the mean ran over classes, too",
        ),
        Mutant(
            _wrong_order,
            "the prompts came template by template and were split class by class: rows hold prompts of several classes",
        ),
    ),
)
