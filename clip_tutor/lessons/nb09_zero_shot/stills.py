"""The images of notebook 09 for places without a kernel."""

import torch
from matplotlib.figure import Figure

from clip_tutor.embedding import encode_texts
from clip_tutor.lab.plots.evaluation_plots import confusion_grid
from clip_tutor.lessons.nb09_zero_shot.plots import wordings
from clip_tutor.lessons.nb09_zero_shot.prompt_lab import CLASSES, THINGS, answers, counts_of, draw_images, look, read
from clip_tutor.lessons.nb09_zero_shot.sets import POOL, animals_and_dishes, encode
from clip_tutor.weights import load


def card() -> Figure:
    """Draw what each of twenty templates is worth by itself."""
    model, tokenizer, _ = load("emoji")
    objects = animals_and_dishes()
    _, encoded = encode(model, objects, 500, seed=1)
    names = [one.noun.singular for one in objects]
    accuracies = {}
    for template in POOL:
        weights = encode_texts(model, tokenizer, [template.replace("{}", name) for name in names])
        accuracies[template] = ((encoded.features @ weights.T).argmax(dim=1) == encoded.labels).float().mean().item()
    return wordings(accuracies, f"One template, {len(names)} classes, the same images", "a photo of a {}.")


def board() -> Figure:
    """Draw the prompt lab's grid at its first settings."""
    model, tokenizer, _ = load("emoji")
    images = draw_images(model.config.vision.image_size)
    things, classes = next(iter(THINGS)), read(CLASSES, ",", 24)
    answered = answers(look(model, tokenizer, images), things, classes, ["a {}"])
    counts = counts_of(images[things], answered, len(classes))
    assert torch.equal(counts.sum(dim=1), torch.full((len(classes),), 20))
    return confusion_grid(classes, counts, "Ten things, and the ten words that were typed")
