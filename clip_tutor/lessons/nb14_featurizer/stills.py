"""The images of notebook 14 for places without a kernel."""

from functools import lru_cache

from matplotlib.figure import Figure

from clip_tutor.evaluation.featurizer import choose_l2, few_shot_curve
from clip_tutor.lab.plots.featurizer_plots import few_shot_figure, sweep_figure
from clip_tutor.lessons.nb14_featurizer.plots import probe_board
from clip_tutor.lessons.nb14_featurizer.subjects import BEFORE, JOINT, Subject, read
from clip_tutor.lessons.nb14_featurizer.tasks import cat_faces
from clip_tutor.weights import load


@lru_cache(maxsize=1)
def _faces() -> Subject:
    model, tokenizer, _ = load("emoji")
    return read("the kit's model on cat faces", model, tokenizer, cat_faces())


def card() -> Figure:
    """Draw the few-shot curve of the cat faces against zero-shot."""
    faces = _faces()
    curve = few_shot_curve(*faces.vectors[BEFORE], faces.zero_shot.double().mean().item())
    return few_shot_figure(curve, 1 / 9, "Nine cat faces: how many labelled images is text worth?")


def board() -> Figure:
    """Draw the widget at its first settings."""
    return probe_board({"cat faces": _faces()}, "cat faces", BEFORE, 16, 0.0, False)


def sweep() -> Figure:
    """Draw validation accuracy against λ for two kinds of vectors."""
    faces = _faces().vectors
    return sweep_figure({place: choose_l2(*faces[place][:2]) for place in (BEFORE, JOINT)})
