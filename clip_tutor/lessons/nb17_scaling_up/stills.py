"""The images of notebook 17 for places without a kernel."""

import torch
from matplotlib.figure import Figure
from torch import Tensor

from clip_tutor.data.batches import as_ids
from clip_tutor.data.emoji import load_emoji
from clip_tutor.data.scenes import Scenes
from clip_tutor.lessons.nb17_scaling_up.plots import division_of_labor, gradients_against_truth
from clip_tutor.losses import contrastive_loss
from clip_tutor.weights import load

PAIRS, PROCESSES = 128, 2


def card() -> Figure:
    """Draw the gradients of two processes each way; here a single process plays both."""
    model, tokenizer, _ = load("emoji")
    model.eval()
    batch = Scenes(load_emoji(), "train", 64).batch(range(PAIRS))
    pixels = model.config.preprocessing.normalize(batch.pixels)
    images, texts, scale, _ = model(pixels, as_ids(tokenizer, batch.captions))  # (B, E), (B, E)
    weights = [*model.image_tower.parameters(), *model.text_tower.parameters()]

    def gradient(loss: Tensor) -> Tensor:
        found = torch.autograd.grad(loss, weights, retain_graph=True)
        return torch.cat([each.flatten() for each in found])

    parts = torch.arange(PAIRS).chunk(PROCESSES)
    own = [contrastive_loss(images[part], texts[part], scale) for part in parts]
    truth = contrastive_loss(images, texts, scale)
    local = [_own_rows(images, texts, scale, part) for part in parts]
    ways = {
        "no exchange": gradient(torch.stack(own).mean()),
        "a gather of constants": gradient(torch.stack(local).mean()),
        "own rows put back": gradient(truth) / PROCESSES,
        "a gather with gradients": gradient(truth),
    }
    title = "Two processes, the same pairs: does the gradient come out right?"
    return gradients_against_truth(gradient(truth), ways, title)


def _own_rows(images: Tensor, texts: Tensor, scale: Tensor, part: Tensor) -> Tensor:
    """Return what one process pays whose rows meet the others' as constants."""
    right = part
    rows = scale * images[part] @ texts.detach().T
    columns = scale * texts[part] @ images.detach().T
    loss = torch.nn.functional.cross_entropy
    return (loss(rows, right) + loss(columns, right)) / 2


def board() -> Figure:
    """Draw the notebook's widget at its first settings."""
    return division_of_labor(64, 4, 8, "gather")
