"""The images of notebook 20 for places without a kernel, from a simulated rater."""

from functools import lru_cache

from matplotlib.figure import Figure

from clip_tutor.applications.aesthetics import fit_ratings
from clip_tutor.lessons.nb20_aesthetics.plots import learning, ranked
from clip_tutor.lessons.nb20_aesthetics.raters import RATERS
from clip_tutor.lessons.nb20_aesthetics.worlds import Part, learning_curve, scenes_to_rate, self_agreement
from clip_tutor.weights import load


@lru_cache(maxsize=1)
def _world() -> tuple[Part, Part]:
    return scenes_to_rate(load("emoji").model)


def card() -> Figure:
    """Draw what a head likes most and least, from 200 ratings of a simulated rater who likes warm backgrounds."""
    rated, unseen = _world()
    first = rated.first(200)
    head = fit_ratings(first.features, RATERS["warm"].ratings(first.scenes))
    return ranked(unseen, head.score(unseen.features), "Learned from 200 ratings, shown on images that nobody rated")


def curve() -> Figure:
    """Draw what so many ratings teach a head, and what held-out agreement says about it."""
    rated, unseen = _world()
    rater = RATERS["warm"]
    return learning(
        learning_curve(rater, rated, unseen, draws=5),
        self_agreement(rater, unseen),
        "How many ratings does a taste need?",
    )
