"""The images of notebook 10 for places without a kernel."""

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from clip_tutor.embedding import encode_images, encode_texts
from clip_tutor.lab.plots.style import canvas
from clip_tutor.lessons.nb10_image_search import plots, world
from clip_tutor.lessons.nb10_image_search.board import lists_board
from clip_tutor.lessons.nb10_image_search.exercises.lists import InvertedLists, unit_kmeans
from clip_tutor.weights import load

LISTS, PROBES = 70, (1, 2, 4, 8, 16, 32)


def _centers(features: Tensor) -> Tensor:
    """Return the centers of the notebook's lists."""
    first = torch.randperm(len(features), generator=torch.Generator().manual_seed(0))[:LISTS]
    return unit_kmeans(features, features[first], 10)


def card() -> Figure:
    """Draw a query from outside, and the recall of both kinds of queries over the number of probes."""
    model, tokenizer, _ = load("emoji")
    features = encode_images(model, world.searched_images(64).pixels)
    others = world.other_scenes(64, 200)
    lists = InvertedLists(features, _centers(features))
    asked = {
        "words as queries": encode_texts(model, tokenizer, others.captions, truncate=True),
        "images as queries": encode_images(model, others.pixels),
    }
    curves = {name: [_recall(lists, queries, probes) for probes in PROBES] for name, queries in asked.items()}
    figure, (left, right) = canvas(11, 4.2, columns=2)
    plots.slice_of_a_cloud(left)
    plots.recall_curves(right, PROBES, curves, LISTS)
    figure.suptitle("Words look at the images from outside")
    return figure


def _recall(lists: InvertedLists, queries: Tensor, probes: int) -> float:
    best = (queries @ lists.vectors.T).topk(10).indices.tolist()
    found = [lists.search(query, 10, probes)[1].tolist() for query in queries]
    return float(np.mean([len(set(a) & set(b)) / 10 for a, b in zip(best, found, strict=True)]))


def board() -> Figure:
    """Draw the board of inverted lists at its first settings."""
    model, tokenizer, _ = load("emoji")
    shown = world.searched_images(64)
    features = encode_images(model, shown.pixels)
    return lists_board(model, tokenizer, features, _centers(features), shown.pixels)("a red background", probes=4)
