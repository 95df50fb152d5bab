"""The images of notebook 11 for places without a kernel."""

import torch
from matplotlib.figure import Figure

from clip_tutor.evaluation.modality_gap import along_the_gap
from clip_tutor.lab.plots.style import canvas
from clip_tutor.lessons.nb11_embedding_map import plots, space
from clip_tutor.lessons.nb11_embedding_map.film import open_film
from clip_tutor.weights import load

FRAMES = (0, 2, 5, 8, 14)


def card() -> Figure:
    """Draw five frames of the film as UMAPs."""
    frames = open_film()
    figure, axes = canvas(13, 3.4, columns=len(FRAMES))
    for one, n in zip(axes, FRAMES, strict=True):
        plots.place_pairs(one, frames[n].umap.numpy())
        one.set_title(f"step {frames[n].step}")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, markerscale=2)
    figure.suptitle("One training, five looks: images and captions come together, and stay apart")
    return figure


def gap() -> Figure:
    """Draw gap, recall and loss as captions move along the gap."""
    model, tokenizer, _ = load("emoji")
    images, texts = space.encode(model, tokenizer, space.pairs_of_map())
    amounts = torch.linspace(-1, 2, 13).tolist()
    curve = along_the_gap(images, texts, model.log_logit_scale.exp().item(), amounts)
    recalls = {"captions find images": curve.text_to_image, "images find captions": curve.image_to_text}
    return plots.along_the_gap(amounts, curve.gaps, recalls, curve.losses)
