"""The images of notebook 16 for places without a kernel."""

import numpy as np
from matplotlib.figure import Figure

from clip_tutor.data.curation.balancing import keep_probabilities
from clip_tutor.lessons.nb16_web_image_text.long_tail import Task
from clip_tutor.lessons.nb16_web_image_text.plots import balance_board, matches_before_and_after

T = 30


def _balanced() -> tuple[Task, np.ndarray, np.ndarray]:
    """Return the pairs of seed 0, how likely each stays, and how many of each query do."""
    task = Task(0)
    keep = keep_probabilities(task.matches, task.counts, T)
    owner = np.repeat(np.arange(len(keep)), task.matches.counts())
    return task, keep, np.bincount(task.matches.queries, weights=keep[owner], minlength=len(task.queries))


def card() -> Figure:
    """Draw the pairs of each query before and after."""
    task, _, kept = _balanced()
    return matches_before_and_after(
        task.counts, kept, T, task.queries, "What everybody shows is thinned out, the long tail stays"
    )


def board() -> Figure:
    """Draw the notebook's widget at t = 30."""
    task, keep, kept = _balanced()
    return balance_board(task.counts, keep, kept, task.pool.ranks, T)
