"""Real photographs for notebook 14, where published weights of CLIP are at hand.

ViT-B/32 "openai" in the Hub's cache?  ─ no ─▶ nothing, and a sentence that says how to get it
          │ yes
CIFAR-10 through torchvision            ten classes; downloaded if there is a network
          │ not to be had
scikit-image's photographs              eight of them, cut: crops of the left half train, of the right half test
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from clip_tutor.evaluation.featurizer import few_of_each
from clip_tutor.lessons.nb14_featurizer.tasks import Split, Task
from clip_tutor.model import CLIP
from clip_tutor.weights import Loaded, load

NAME, WEIGHTS = "ViT-B/32", "openai"
CIFAR_FOLDER = Path.home() / ".cache" / "clip_tutor" / "cifar10"
TRAIN, VALIDATION, TEST = 16, 16, 20  # images of each class: on a CPU, ViT-B/32 reads some ten a second
CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
PHOTOGRAPHS = {
    "astronaut": "a portrait of an astronaut",
    "chelsea": "a photo of a cat",
    "coffee": "a photo of a cup of coffee",
    "rocket": "a photo of a rocket",
    "hubble_deep_field": "a photo of galaxies",
    "brick": "a photo of a brick wall",
    "grass": "a photo of grass",
    "gravel": "a photo of gravel",
}


def published() -> Loaded | None:
    """Return CLIP's ViT-B/32 if its weights are in the cache or can be had, else None, with a sentence on the way."""
    try:
        return load(NAME, WEIGHTS)
    except FileNotFoundError:
        print(
            f"○ {NAME} is not in the cache of the Hub, so the photographs below are left out. Where there is a network,"
        )
        print(f'  load("{NAME}", weights="{WEIGHTS}") brings it, and the same cells then show real photographs, too.')
        return None


def photographs(model: CLIP) -> Task:
    """Return CIFAR-10 if it is there or can be had, else crops of scikit-image's photographs."""
    try:
        return _cifar(model)
    except (OSError, RuntimeError) as error:
        print(
            f"CIFAR-10 is not to be had ({str(error).splitlines()[0]:.80}): crops of scikit-image's photographs instead"
        )
        return _crops(model)


def _cifar(model: CLIP) -> Task:
    from torchvision.datasets import CIFAR10

    both = [CIFAR10(CIFAR_FOLDER, train=train, download=True) for train in (True, False)]
    splits = []
    for source, count in zip(both, (TRAIN + VALIDATION, TEST), strict=True):
        labels = torch.tensor(source.targets)
        rows = few_of_each(labels, count)
        splits.append(_split(model, [Image.fromarray(source.data[row]) for row in rows.tolist()], labels[rows]))
    prompts = tuple(f"a photo of {'an' if name[0] in 'aeiou' else 'a'} {name}" for name in CIFAR)
    return Task("CIFAR-10", CIFAR, prompts, *_halves(splits[0]), splits[1])


def _crops(model: CLIP) -> Task:
    from skimage import data

    rng = np.random.default_rng(0)
    known: list[Image.Image] = []
    unknown: list[Image.Image] = []
    for name in PHOTOGRAPHS:
        image = Image.fromarray(getattr(data, name)()).convert("RGB")
        middle = image.width // 2
        for crops, left, count in ((known, 0, TRAIN + VALIDATION), (unknown, middle, TEST)):
            half = image.crop((left, 0, left + middle, image.height))
            crops += [_random_crop(half, rng) for _ in range(count)]
    labels = torch.arange(len(PHOTOGRAPHS))
    train, validation = _halves(_split(model, known, labels.repeat_interleave(TRAIN + VALIDATION)))
    test = _split(model, unknown, labels.repeat_interleave(TEST))
    return Task("photographs", tuple(PHOTOGRAPHS), tuple(PHOTOGRAPHS.values()), train, validation, test)


def _random_crop(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return a square of half to all of the shorter side, from a place of chance."""
    side = int(min(image.size) * rng.uniform(0.5, 1))
    left, top = (int(rng.integers(0, room - side + 1)) for room in image.size)
    return image.crop((left, top, left + side, top + side))


def _split(model: CLIP, images: Sequence[Image.Image], labels: torch.Tensor) -> Split:
    size = model.config.vision.image_size
    return Split(torch.stack([model.config.preprocessing.pixels(image, size) for image in images]), labels)


def _halves(split: Split) -> tuple[Split, Split]:
    """Return a training and a validation split with equally many of each class."""
    chosen = torch.zeros(len(split.labels), dtype=torch.bool)
    chosen[few_of_each(split.labels, TRAIN)] = True
    train, validation = (Split(split.pixels[rows], split.labels[rows]) for rows in (chosen, ~chosen))
    return train, validation
