"""The images of notebook 13 for places without a kernel. They come from three short runs of their own."""

import math
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import torch
from matplotlib.figure import Figure

from clip_tutor import zoo
from clip_tutor.data.scenes import Batch, Scenes
from clip_tutor.embedding import encode_images, encode_texts
from clip_tutor.lessons.nb13_sigmoid_loss.plots import cosine_histograms, sigmoid_board
from clip_tutor.lessons.nb13_sigmoid_loss.ring import ring_board
from clip_tutor.model import CLIP
from clip_tutor.training import train
from clip_tutor.training.config import TrainConfig
from clip_tutor.training.recipes import RECIPES, prepare

N, STEPS = 32, 150  # as in the notebook
BIASES = {"b = 0": 0.0, f"b = −{math.log(N - 1):.1f}": -math.log(N - 1), "b = −10": -10.0}


class _Run(NamedTuple):
    similarity: torch.Tensor  # (M, M) of unseen pairs
    scale: float
    bias: float


@lru_cache(maxsize=1)
def _unseen() -> Batch:
    scenes = prepare(RECIPES["first_light"]).source
    assert isinstance(scenes, Scenes)
    unseen = Scenes(scenes.objects, "test", scenes.size)
    return unseen.batch(unseen.distinct(500))


@lru_cache(maxsize=3)
def _run(bias: float) -> _Run:
    _, tokenizer, scenes = prepare(RECIPES["first_light"])
    torch.manual_seed(0)
    model = CLIP(replace(zoo.MODELS["tiny"], logit_scale=10.0, logit_bias=bias)).to(memory_format=torch.channels_last)
    train(model, tokenizer, scenes, TrainConfig(N, 1.5e-3, STEPS, workers=1, loss="sigmoid"))
    held_out = _unseen()
    images, texts = encode_images(model, held_out.pixels), encode_texts(model, tokenizer, held_out.captions)
    assert model.logit_bias is not None
    return _Run(texts @ images.T, model.log_logit_scale.exp().item(), model.logit_bias.item())


def card() -> Figure:
    """Draw the cosines of right and wrong pairs in three models that started with three biases."""
    runs = {name: _run(bias) for name, bias in BIASES.items()}
    wrong = ~torch.eye(len(_unseen().captions), dtype=torch.bool)
    cosines = {name: (run.similarity.diagonal(), run.similarity[wrong]) for name, run in runs.items()}
    expected = [(-math.log(N - 1) - run.bias) / run.scale for run in runs.values()]
    return cosine_histograms(cosines, expected, "Start with another bias, and the whole space shifts to make up for it")


def board() -> Figure:
    """Draw the notebook's widget at the scale and bias that one of these runs arrived at."""
    run = _run(-math.log(N - 1))
    return sigmoid_board(run.similarity[:8, :8], run.scale, run.bias, list(_unseen().pixels[:8]), (run.scale, run.bias))


def ring() -> Figure:
    """Draw the ring of four processes at its third step."""
    return ring_board(4, 2)
