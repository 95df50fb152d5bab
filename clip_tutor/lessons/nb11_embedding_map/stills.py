"""The images of notebook 11 for places without a kernel."""

import torch
from matplotlib.figure import Figure

from clip_tutor.evaluation.modality_gap import along_the_gap
from clip_tutor.lessons.nb11_embedding_map import plots, space
from clip_tutor.lessons.nb11_embedding_map.film import open_film
from clip_tutor.lessons.nb11_embedding_map.reel import projector
from clip_tutor.weights import load

FRAME = 5  # where colors are learned, and things are not yet


def card() -> Figure:
    """Draw one moment of the film as UMAP, PCA and control."""
    return projector(open_film())(FRAME)


def gap() -> Figure:
    """Draw gap, recall and loss as captions move along the gap."""
    model, tokenizer, _ = load("emoji")
    images, texts = space.encode(model, tokenizer, space.pairs_of_map())
    amounts = torch.linspace(-1, 2, 13).tolist()
    curve = along_the_gap(images, texts, model.log_logit_scale.exp().item(), amounts)
    recalls = {"captions find images": curve.text_to_image, "images find captions": curve.image_to_text}
    return plots.along_the_gap(amounts, curve.gaps, recalls, curve.losses)
